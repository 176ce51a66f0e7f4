// Counts the events at both ends, by the shop's rows on the shards and the handlers' rows in central.

import type { Config } from '../../config/config.ts';
import { Connection } from '../../postgres/connection.ts';
import { readHandled } from '../../proof/handled.ts';
import { readCentralEvents, readShardEvents } from '../../proof/origins.ts';
import { judgeProof, type ProofVerdict } from '../../proof/verdict.ts';

/** The table that each queue's handler writes to, a row for every event. */
const TABLES: Readonly<Record<string, string>> = {
  orders: 'invoice',
  payments: 'booking',
  emails: 'outbox',
};

export interface Counts {
  /** Events that the shop's rows on the shards stand for. */
  readonly committed: number;
  /** Rows that handlers wrote. */
  readonly handled: number;
}

export interface QueueVerdict extends ProofVerdict {
  readonly queue: string;
}

export class Ledger {
  readonly #config: Config;
  readonly #central: Connection;
  readonly #shards: readonly Connection[];

  private constructor(config: Config, [central, ...shards]: readonly Connection[]) {
    this.#config = config;
    this.#central = central as Connection;
    this.#shards = shards;
  }

  static async open(config: Config): Promise<Ledger> {
    const databases = [config.central, ...config.shards];
    const options = { applicationName: 'tributary demo' };
    return new Ledger(
      config,
      await Promise.all(databases.map((database) => Connection.open(database, options))),
    );
  }

  get central(): Connection {
    return this.#central;
  }

  async close(): Promise<void> {
    await Promise.all([this.#central, ...this.#shards].map((connection) => connection.close()));
  }

  /** By central queue. Central first, so that nothing seems handled before it was committed. */
  async counts(): Promise<ReadonlyMap<string, Counts>> {
    const { queues } = this.#config;
    const handled = await Promise.all(
      queues.map(async ({ name }) => {
        const [row] = await this.#central.query<{ n: number }>(`select count(*) as n from ${TABLES[name]}`);
        return row?.n ?? 0;
      }),
    );
    const expected = await this.#expected();
    return new Map(
      queues.map(({ name }, at) => [name, { committed: expected.get(name) ?? 0, handled: handled[at] ?? 0 }]),
    );
  }

  /** Reads every event at every place; only while no event is inserted. */
  async verdicts(): Promise<QueueVerdict[]> {
    const expected = await this.#expected();
    const verdicts: QueueVerdict[] = [];
    for (const { name: queue, workers, from } of this.#config.queues) {
      const rows = await Promise.all(
        this.#config.shards.flatMap(({ name: shard }, at) =>
          from.map((source) => readShardEvents(this.#shards[at] as Connection, { shard, queue: source })),
        ),
      );
      const verdict = judgeProof({
        shards: rows.flat(),
        central: await readCentralEvents(this.#central, { queue }),
        handled: await readHandled(this.#central, TABLES[queue] as string),
        expected: expected.get(queue) ?? 0,
        isHandledInOrder: workers === 1,
      });
      verdicts.push({ queue, ...verdict });
    }
    return verdicts;
  }

  /** An event in `orders` for every order, one in `payments` for every payment, and a mail for each of both. */
  async #expected(): Promise<ReadonlyMap<string, number>> {
    const counts = await Promise.all(
      this.#shards.map((shard) =>
        shard.query<{ orders: number; payments: number }>(
          'select (select count(*) from customer_order) as orders, (select count(*) from payment) as payments',
        ),
      ),
    );
    const sum = (what: 'orders' | 'payments') => counts.flat().reduce((total, row) => total + row[what], 0);
    const [orders, payments] = [sum('orders'), sum('payments')];
    return new Map([
      ['orders', orders],
      ['payments', payments],
      ['emails', orders + payments],
    ]);
  }
}
