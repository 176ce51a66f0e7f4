// Load on shards: transactions of many kinds, some of which commit late, roll back, or fail with their server.
import { setTimeout as pause } from 'node:timers/promises';
import type { Connection } from '../../../src/postgres/connection.ts';
import type { Random } from '../random.ts';
import type { TestDatabase } from '../server/database.ts';

export interface LoadOptions {
  readonly queues: readonly string[];
  readonly random: Random;
  /** Pause between the transactions of one writer, in ms; default 30. */
  readonly everyMs?: number;
  /** Largest bulk transaction, in events; default 500. */
  readonly bulk?: number;
}

export interface Load {
  /** Number of transactions that are known to be committed. */
  readonly committed: number;
  /** Resolves when each writer has ended its transaction. */
  stop(): Promise<void>;
}

/** Two writers on each shard, until stopped. A writer that loses its connection opens another. */
export function startLoad(shards: readonly TestDatabase[], options: LoadOptions): Load {
  const stopped = new AbortController();
  const state = { committed: 0 };
  const writers = shards.flatMap((shard) =>
    [0, 1].map(() => writeOn(shard, { ...options, signal: stopped.signal, state })),
  );
  return {
    get committed() {
      return state.committed;
    },
    async stop() {
      stopped.abort();
      await Promise.all(writers);
    },
  };
}

interface WriterOptions extends LoadOptions {
  readonly signal: AbortSignal;
  readonly state: { committed: number };
}

async function writeOn(shard: TestDatabase, options: WriterOptions): Promise<void> {
  const { signal, everyMs = 30, random, state } = options;
  let connection: Connection | undefined;
  while (!signal.aborted) {
    try {
      connection ??= await shard.connect();
      if (await transaction(connection, options)) state.committed += 1;
    } catch {
      connection?.destroy();
      connection = undefined;
      await pause(100);
    }
    await pause(everyMs * (0.5 + random.next()));
  }
  await connection?.close();
}

/** @returns whether it was committed. */
async function transaction(connection: Connection, { queues, random, bulk = 500 }: WriterOptions) {
  const dice = random.below(100);
  const insert = (count: number) =>
    `select count(pgq.insert_event('${random.pick(queues)}', 'made', n::text || ' ' || txid_current())) from generate_series(1, ${count}) n`;
  if (dice < 3) {
    await connection.script(`begin; ${insert(1 + random.below(bulk))}; commit`);
    return true;
  }
  await connection.script(`begin; ${insert(1 + random.below(4))}`);
  if (random.oneIn(3)) await connection.script(insert(1 + random.below(4)));
  if (random.oneIn(4)) await connection.script(`savepoint a; ${insert(2)}; rollback to savepoint a`);
  if (random.oneIn(6)) await connection.script(`savepoint b; ${insert(2)}; release savepoint b`);
  if (random.oneIn(12)) await pause(50 + random.below(600));
  if (random.oneIn(40)) return await prepared(connection, random);
  const isKept = !random.oneIn(8);
  await connection.script(isKept ? 'commit' : 'rollback');
  return isKept;
}

async function prepared(connection: Connection, random: Random): Promise<boolean> {
  const gid = `load ${process.pid} ${random.below(2 ** 31)}`;
  await connection.script(`prepare transaction '${gid}'`);
  await pause(random.below(200));
  await connection.script(`commit prepared '${gid}'`);
  return true;
}
