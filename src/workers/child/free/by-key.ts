// Which events of a lane may begin beside others: of one key only some at once, and in their order. Pure.
//
// Invariant: of one key at most `atOnce` events have begun, or may begin now, and have not ended.
import type { BatchEvent } from '../../../handler/event.ts';

interface Key {
  begun: number;
  /** In their order. */
  readonly behind: BatchEvent[];
}

export class ByKey {
  readonly #atOnce: number;
  readonly #keys = new Map<string, Key>();
  /** They may begin, the one that was behind another for the shortest time last. */
  #ready: BatchEvent[] = [];

  constructor(atOnce: number) {
    this.#atOnce = atOnce;
  }

  /** The next event of the batch. */
  add(event: BatchEvent): void {
    const name = event.row.key;
    // What has no key is behind nothing.
    if (name === undefined) {
      this.#ready.push(event);
      return;
    }
    const key = this.#keys.get(name) ?? { begun: 0, behind: [] };
    this.#keys.set(name, key);
    if (key.begun >= this.#atOnce) key.behind.push(event);
    else {
      key.begun += 1;
      this.#ready.push(event);
    }
  }

  /** How many may begin. */
  get ready(): number {
    return this.#ready.length;
  }

  /** The next one that may begin, of those up to an id where one is given. */
  take(upTo = Number.POSITIVE_INFINITY): BatchEvent | undefined {
    const at = this.#ready.findIndex(({ id }) => id <= upTo);
    return at < 0 ? undefined : this.#ready.splice(at, 1)[0];
  }

  /** Its call has ended: the one behind it may begin. */
  ended({ row: { key: name } }: BatchEvent): void {
    const key = name === undefined ? undefined : this.#keys.get(name);
    if (name === undefined || key === undefined) return;
    const next = key.behind.shift();
    if (next !== undefined) this.#ready.push(next);
    else if (--key.begun === 0) this.#keys.delete(name);
  }
}
