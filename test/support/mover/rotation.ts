// Does at once what the mover's upkeep does every few seconds: lets watermarks follow the positions, and rotates tables.
import { setTimeout as pause } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { kindOf } from '../../../src/errors/sqlstate.ts';
import type { Connection } from '../../../src/postgres/connection.ts';
import type { PgqSchema } from '../../../src/queue/provider.ts';
import { maintain } from '../../../src/upkeep/maintenance.ts';
import { moveWatermarks } from '../../../src/upkeep/watermarks.ts';
import type { Random } from '../random.ts';
import type { TestDatabase } from '../server/database.ts';
import type { Forwarding } from './forwarding.ts';

/**
 * Rotates what is due on one database; returns how many rotations there were. Somebody in the way for too long is no error:
 * the next time is soon.
 */
export async function rotate(
  connection: Connection,
  queues: readonly string[],
  schema: PgqSchema = 'pgq',
): Promise<number> {
  try {
    const { rotated } = await maintain(connection, {
      schema,
      queues,
      onRotation: () => {},
      onTrouble: (_queue, error) => {
        throw error;
      },
    });
    return rotated;
  } catch (error) {
    await connection.script('rollback');
    if (kindOf(error) !== 'retryable') throw error;
    process.stdout.write(`rotation put off: ${(error as Error).message}\n`);
    return 0;
  }
}

/** As the mover's own upkeep does every few seconds. */
export async function followPositions(
  forwarding: Forwarding,
  connections: readonly Connection[],
  { keepMs = {} }: { readonly keepMs?: Readonly<Record<string, number>> } = {},
): Promise<void> {
  for (const [at, connection] of connections.entries()) {
    const schema = forwarding.shards[at]?.schema as PgqSchema;
    const [consumer] = await connection.query<{ name: string }>(
      `select co_name as name from ${schema}.consumer`,
    );
    const positions = await forwarding.central.query<{ queue: string; tick: number }>(
      'select queue, tick_id as tick from tributary.sources_of($1)',
      [[`s${at + 1}`]],
    );
    await moveWatermarks(
      connection,
      positions.map(({ queue, tick }) => ({ queue, tickId: tick, keepMs: keepMs[queue] ?? 0 })),
      { schema, consumer: consumer?.name as string },
    );
  }
}

interface Writing {
  /** Of the shard. */
  readonly name: string;
  readonly queues: readonly string[];
  readonly random: Random;
  readonly signal: AbortSignal;
  /** How many of its events have arrived. It waits for them: else their reader falls ever further behind on a slow machine. */
  readonly arrived?: () => number;
}

/** Events that a writer may be ahead of what has arrived. */
const MOST_AHEAD = 1_000;

/** Writes until it is stopped, or until the test is over, with late commits and roll-backs. @returns every origin that was committed. */
export function writeWhile(shard: TestDatabase, { signal, ...options }: Writing): Promise<string[]> {
  const over = new AbortController();
  const written = write(shard, { ...options, signal: AbortSignal.any([signal, over.signal]) });
  onTestFinished(async () => {
    over.abort();
    await written.catch(() => {});
  });
  return written;
}

async function write(
  shard: TestDatabase,
  { name, queues, random, signal, arrived }: Writing,
): Promise<string[]> {
  const connection = await shard.connect();
  const committed: string[] = [];
  while (!signal.aborted) {
    if (arrived !== undefined && committed.length - arrived() > MOST_AHEAD) {
      await pause(20);
      continue;
    }
    const queue = random.pick(queues);
    await connection.script('begin');
    const rows = await connection.query<{ id: number }>(
      `select ${shard.schema}.insert_event('${queue}', 'made', n::text) as id from generate_series(1, ${1 + random.below(20)}) n`,
    );
    if (random.oneIn(10)) await pause(random.below(300));
    const isKept = !random.oneIn(6);
    await connection.script(isKept ? 'commit' : 'rollback');
    if (isKept) committed.push(...rows.map(({ id }) => `${name}:${queue}:${id}`));
    await pause(5);
  }
  return committed;
}
