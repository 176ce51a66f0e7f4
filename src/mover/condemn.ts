// What becomes of events that cannot be moved, by the queue's `on_poison`: dead events, or a halted source.
import type { DeadRow } from '../central/commit/commit.ts';
import type { Config } from '../config/config.ts';
import { TributaryError } from '../errors/tributary-error.ts';
import type { OnMoverOccurrence } from './occurrence.ts';
import type { Source } from './source/source.ts';

export interface CondemnerOptions {
  readonly config: Config;
  /** Halts the source for refused events; `what` completes "Source … is halted: …". */
  readonly halt: (source: Source, what: string) => void;
  readonly onOccurrence: OnMoverOccurrence;
}

export class Condemner {
  readonly #options: CondemnerOptions;

  constructor(options: CondemnerOptions) {
    this.#options = options;
  }

  /** Notes events that the next commit keeps as dead ones; false where the queue says to halt, which is done then. */
  accept(source: Source, dead: readonly DeadRow[], by: 'central' | 'shard'): boolean {
    const { config, halt, onOccurrence } = this.#options;
    const [first] = dead;
    const names = new Set(dead.map(({ queue = source.centralQueue }) => queue));
    const halts = config.queues.some(({ name, onPoison }) => names.has(name) && onPoison === 'halt');
    if (halts && first !== undefined) {
      halt(
        source,
        `event ${first.origin ?? '(its origin is not kept)'} cannot be moved: ${first.error} (SQLSTATE ${first.sqlstate}), and the queue says \`on_poison: halt\``,
      );
      return false;
    }
    source.condemned(dead.length);
    for (const { origin, error, sqlstate } of dead) {
      const { shard, queue } = source;
      onOccurrence({ kind: 'condemned', shard, queue, by, origin, error, sqlstate });
    }
    return true;
  }

  /** Runs a search for events to condemn; more of them than the limit of an hour halt the source. */
  async search<T>(source: Source, work: (most: number) => Promise<T>): Promise<T> {
    try {
      return await work(source.condemnable);
    } catch (error) {
      if (error instanceof TributaryError && error.code === 'too-much-poison') {
        this.#options.halt(
          source,
          error.message.charAt(0).toLowerCase() + error.message.slice(1).replace(/\.$/, ''),
        );
      }
      throw error;
    }
  }
}
