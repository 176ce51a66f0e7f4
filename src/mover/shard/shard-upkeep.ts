// Upkeep of a shard, done between turns over the same connection: watermarks, rotation, retries; and a look at what its queues hold.
//
// Invariant: a registration that is missing is made only where central, asked after that was seen, has the source behind it: a command
// may have ended the source and unregistered us just now, and a registration that nobody moves any more would hold rotation for ever.
// For one that ends right then it is asked once more.
import { readSources } from '../../central/positions.ts';
import type { Shard } from '../../config/config.ts';
import { seeCaptures } from '../../install/capture/seen.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import type { Connection } from '../../postgres/connection.ts';
import { unregisterSql } from '../../shards/end-of-queue.ts';
import { reportOnShard } from '../../shards/held.ts';
import { maintain } from '../../upkeep/maintenance.ts';
import { moveWatermarks } from '../../upkeep/watermarks.ts';
import type { MoverContext } from '../context.ts';
import { destinationsOf } from '../source/destinations.ts';
import type { Source } from '../source/source.ts';

export class ShardUpkeep {
  readonly #shard: Shard;
  readonly #context: MoverContext;
  /** Tick of each queue's watermark as we left it: a source that did not move costs nothing. */
  readonly #left = new Map<string, number>();
  /** Queues whose registration we made, until central has confirmed their sources. */
  readonly #unconfirmed = new Set<string>();
  #watermarksAtMs = performance.now() + Math.random() * TIMING.shard.watermarkEveryMs;
  #maintainAtMs = performance.now() + Math.random() * TIMING.shard.maintainEveryMs;
  #seenAtMs = performance.now() + Math.random() * TIMING.shard.seenEveryMs;

  constructor(shard: Shard, context: MoverContext) {
    this.#shard = shard;
    this.#context = context;
  }

  /** Does what is due. An error that leaves the connection usable is reported, and tried again next time. */
  async runIfDue(connection: Connection, sources: readonly Source[]): Promise<void> {
    const nowMs = performance.now();
    if (nowMs >= this.#watermarksAtMs) {
      this.#watermarksAtMs = nowMs + TIMING.shard.watermarkEveryMs;
      await this.#guarded(connection, 'watermarks', () => this.watermarks(connection, sources));
    }
    if (nowMs >= this.#maintainAtMs) {
      this.#maintainAtMs = nowMs + TIMING.shard.maintainEveryMs * (0.8 + Math.random() * 0.4);
      await this.#guarded(connection, 'maintenance', () => this.#maintain(connection, sources));
    }
    if (nowMs >= this.#seenAtMs) {
      this.#seenAtMs = nowMs + TIMING.shard.seenEveryMs * (0.8 + Math.random() * 0.4);
      await this.#guarded(connection, 'looking at what queues hold', () => this.#see(connection, sources));
    }
  }

  /** Moves the watermarks up to what central has committed. */
  async watermarks(connection: Connection, sources: readonly Source[]): Promise<void> {
    const { config, consumer } = this.#context;
    const due = sources.flatMap((source) => {
      const tickId = source.position?.tick.id;
      const destinations = destinationsOf(source);
      const own = config.queues.filter(({ name }) => destinations.includes(name));
      const keepMs = own.reduce((most, queue) => Math.max(most, queue.keepMs), 0);
      if (tickId === undefined || source.trouble?.state === 'halted') return [];
      if (keepMs === 0 && this.#left.get(source.queue) === tickId) return [];
      return [{ queue: source.queue, tickId, keepMs }];
    });
    const { schema } = this.#shard;
    const moved = await moveWatermarks(connection, due, { schema, consumer, registers: false });
    const missing = new Set(moved.flatMap(({ queue, isNew }) => (isNew ? [queue] : [])));
    for (const queue of missing) this.#unconfirmed.add(queue);
    if (missing.size > 0) {
      const known = await this.#known();
      const wanted = due.filter(({ queue }) => missing.has(queue) && known.has(queue));
      await moveWatermarks(connection, wanted, { schema, consumer });
    }
    if (this.#unconfirmed.size > 0) await this.#confirm(connection);
    for (const { queue, tickId } of due) this.#left.set(queue, tickId);
  }

  async #confirm(connection: Connection): Promise<void> {
    const { schema } = this.#shard;
    const known = await this.#known();
    const ended = [...this.#unconfirmed].filter((queue) => !known.has(queue));
    if (ended.length > 0)
      await connection.script(unregisterSql(ended, { schema, consumer: this.#context.consumer }));
    this.#unconfirmed.clear();
  }

  /** Queues of the shard's sources, as central has them now. */
  async #known(): Promise<ReadonlySet<string>> {
    const sources = await this.#context.central().use((link) => readSources(link, [this.#shard.name]));
    return new Set(sources.map(({ queue }) => queue));
  }

  async #maintain(connection: Connection, sources: readonly Source[]): Promise<void> {
    // Queue by queue: another installation's mover does this for its own queues, not for those that only we have. The watermark
    // of a halted source stays: a repair may need its events.
    const queues = sources
      .filter(({ ticker, trouble }) => !ticker.isForeign(performance.now()) && trouble?.state !== 'halted')
      .map(({ queue }) => queue);
    if (this.#shard.ticker === 'never' || queues.length === 0) return;
    const { schema, name } = this.#shard;
    await maintain(connection, {
      schema,
      queues,
      onRotation: (queue, outcome) =>
        this.#context.onOccurrence({
          kind: 'upkeep',
          database: name,
          what: `rotation of ${queue}`,
          detail: outcome,
        }),
      onTrouble: (queue, error) =>
        this.#context.onOccurrence({
          kind: 'upkeep-trouble',
          database: name,
          what: `rotation of ${queue}`,
          error,
        }),
    });
  }

  /** So that nobody else has to come and ask. */
  async #see(connection: Connection, sources: readonly Source[]): Promise<void> {
    const { name, schema } = this.#shard;
    const queues = sources.map(({ queue }) => queue);
    const report = await reportOnShard(connection, { schema, queues });
    const captured = await seeCaptures(connection, this.#context.config, this.#shard);
    this.#context.reports.saw(name, { ...report, captured });
  }

  async #guarded(connection: Connection, what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (connection.failed) throw error;
      await connection.script('rollback');
      this.#context.onOccurrence({ kind: 'upkeep-trouble', database: this.#shard.name, what, error });
    }
  }
}
