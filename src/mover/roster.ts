// The shards that this mover moves now: a loop each, begun when its lease is taken, ended before it is let go.
//
// Invariant: there is never more than one loop of a shard; a shard that comes back waits until its old loop has ended.
import type { Shard } from '../config/config.ts';
import type { ShardLoop } from './shard-loop.ts';

interface Entry {
  readonly loop: ShardLoop;
  readonly ended: Promise<void>;
  isLeaving: boolean;
}

export class Roster {
  readonly #newLoop: (shard: Shard) => ShardLoop;
  readonly #entries = new Map<string, Entry>();
  /** Shards that were taken again while their old loop was ending. */
  readonly #returning = new Map<string, Shard>();

  constructor(newLoop: (shard: Shard) => ShardLoop) {
    this.#newLoop = newLoop;
  }

  get loops(): readonly ShardLoop[] {
    return [...this.#entries.values()].filter(({ isLeaving }) => !isLeaving).map(({ loop }) => loop);
  }

  begin(shard: Shard): void {
    if (this.#entries.has(shard.name)) {
      this.#returning.set(shard.name, shard);
      return;
    }
    const loop = this.#newLoop(shard);
    const entry: Entry = { loop, isLeaving: false, ended: loop.run() };
    this.#entries.set(shard.name, entry);
    void entry.ended.then(() => {
      this.#entries.delete(shard.name);
      const returning = this.#returning.get(shard.name);
      this.#returning.delete(shard.name);
      if (returning !== undefined) this.begin(returning);
    });
  }

  /** Resolves when what was read has been committed or given up and the loop has ended. */
  async end(name: string): Promise<void> {
    this.#returning.delete(name);
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    entry.isLeaving = true;
    await entry.loop.stop();
    await entry.ended;
  }

  async endAll(): Promise<void> {
    await Promise.all([...this.#entries.keys()].map((name) => this.end(name)));
  }
}
