// Asks one shard how far its sources are behind central's positions. Reads only.

import type { Shard } from '../../config/config.ts';
import { sentenceFor } from '../../errors/sentence.ts';
import { TributaryError } from '../../errors/tributary-error.ts';
import { Connection } from '../../postgres/connection.ts';
import { literal } from '../../postgres/quote.ts';
import { fill, sqlFile } from '../../postgres/sql-file.ts';
import { type QueueOnShard, resolveQueues } from '../../shards/queue-on-shard.ts';
import type { LagPosition, ShardAnswer } from './facts.ts';
import { answerOf, type BehindRow } from './shard-answer.ts';

export interface AskedSource {
  readonly queue: string;
  readonly position: LagPosition;
}

export interface AskOptions {
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  /** For all of it, in ms. */
  readonly timeoutMs: number;
}

const BEHIND = sqlFile('shard', 'behind.sql');

/**
 * All rows count, also those that a `where:` of the file leaves out: it is known only by reading them.
 * @returns an answer for each queue; never throws.
 */
export async function askShard(
  shard: Shard,
  sources: readonly AskedSource[],
  { applicationName, timeoutMs }: AskOptions,
): Promise<Map<string, ShardAnswer>> {
  const deadlineMs = performance.now() + timeoutMs;
  const leftMs = () => Math.max(1, deadlineMs - performance.now());
  let connection: Connection | undefined;
  try {
    connection = await Connection.open(shard, { applicationName, connectTimeoutMs: leftMs() });
    const queues = await resolveQueues(
      connection,
      shard.schema,
      sources.map(({ queue }) => queue),
      { timeoutMs: leftMs() },
    );
    return await askQueues(connection, sources, { shard, queues, leftMs });
  } catch (error) {
    connection?.destroy();
    const reason = reasonOf(error, shard, timeoutMs);
    return new Map(sources.map(({ queue }) => [queue, { kind: 'failed', reason }]));
  } finally {
    void connection?.close();
  }
}

interface Asking {
  readonly shard: Shard;
  readonly queues: ReadonlyMap<string, QueueOnShard>;
  leftMs(): number;
}

/** In one message; where that fails through one queue's fault, each in its own. */
async function askQueues(
  connection: Connection,
  sources: readonly AskedSource[],
  asking: Asking,
): Promise<Map<string, ShardAnswer>> {
  const { shard, queues } = asking;
  const answers = new Map<string, ShardAnswer>();
  const there = sources.filter(({ queue }) => queues.has(queue));
  for (const { queue } of sources) {
    if (queues.has(queue)) continue;
    const reason = `Queue ${queue} does not exist on shard ${shard.name}: create it there or take it out of the file.`;
    answers.set(queue, { kind: 'failed', reason });
  }
  try {
    for (const [queue, answer] of await ask(connection, there, asking)) answers.set(queue, answer);
  } catch (error) {
    if (connection.failed || there.length < 2) throw error;
    for (const source of there) answers.set(source.queue, await askAlone(connection, source, asking));
  }
  return answers;
}

async function askAlone(connection: Connection, source: AskedSource, asking: Asking): Promise<ShardAnswer> {
  try {
    await connection.script('rollback', { timeoutMs: asking.leftMs() });
    const answers = await ask(connection, [source], asking);
    return answers.get(source.queue) as ShardAnswer;
  } catch (error) {
    if (connection.failed) throw error;
    return { kind: 'failed', reason: sentenceFor(error, `Source ${asking.shard.name}:${source.queue}`) };
  }
}

async function ask(
  connection: Connection,
  sources: readonly AskedSource[],
  { shard, queues, leftMs }: Asking,
): Promise<Map<string, ShardAnswer>> {
  if (sources.length === 0) return new Map();
  const timeoutMs = leftMs();
  const settings = Object.entries({
    statement_timeout: `${timeoutMs}ms`,
    lock_timeout: '1s',
    jit: 'off',
    max_parallel_workers_per_gather: '0',
    enable_seqscan: 'off',
    enable_bitmapscan: 'off',
  }).map(([name, value]) => `set_config('${name}', '${value}', true)`);
  const statements = sources.map(({ queue, position: { tick, inside } }) => {
    const { dialect, eventTable } = queues.get(queue) as QueueOnShard;
    return fill(BEHIND, {
      ...dialect,
      schema: shard.schema,
      queue: literal(queue),
      event_table: eventTable,
      tick_id: String(tick.id),
      end_tick_id: String(inside?.endTickId ?? 'null'),
      last_event_id: String(inside?.lastEventId ?? 'null'),
    });
  });
  const results = await connection.script(
    [
      'begin isolation level read committed read only',
      `select ${settings.join(', ')}`,
      ...statements,
      'commit',
    ].join(';\n'),
    { timeoutMs },
  );
  return new Map(
    sources.map(({ queue, position }, at) => {
      const { provider } = queues.get(queue) as QueueOnShard;
      const label = `${shard.name}:${queue}`;
      const row = results[2 + at]?.[0] as BehindRow | undefined;
      return [queue, answerOf(position, row, { label, provider })];
    }),
  );
}

function reasonOf(error: unknown, shard: Shard, timeoutMs: number): string {
  const label = `Shard ${shard.name}`;
  if (error instanceof TributaryError && error.code === 'timeout')
    return `${label} did not answer within ${Math.round(timeoutMs / 1000)} s: see whether its server hangs or is overloaded.`;
  return sentenceFor(error, label);
}
