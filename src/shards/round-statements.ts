// The statements of a round: as text for poolers, which know no named statements, or prepared once on a direct connection,
// where planning them would cost several times what running them does.
//
// Invariant: what is prepared belongs to one connection and to the queues it was given; for others the text is used.
import type { Connection } from '../postgres/connection.ts';
import { literal } from '../postgres/quote.ts';
import { fill, sqlFile } from '../postgres/sql-file.ts';
import { inlineReadSql } from './inline-read.ts';
import type { QueueOnShard } from './queue-on-shard.ts';
import type { Reading } from './window.ts';

const DUE = sqlFile('shard', 'round-due.sql');
const TICK = sqlFile('shard', 'round-tick.sql');
const SEE = sqlFile('shard', 'round-see.sql');
const COVERED = sqlFile('shard', 'round-covered.sql');

export type RoundPart = 'due' | 'tick' | 'see' | 'covered' | 'read';

export interface RoundStatement {
  readonly part: RoundPart;
  readonly sql: string;
}

/** Never-analysed event tables make the planner prefer whole reads, just-in-time compilation and parallel workers. */
const PLANNING = [
  'enable_seqscan = off',
  'enable_bitmapscan = off',
  'jit = off',
  'max_parallel_workers_per_gather = 0',
];

/** Sent before the parts, in the same transaction: a mover that does not read its answer must not hold back vacuum and rotation. */
export const ROUND_SETTINGS = [
  "set local statement_timeout = '15s'",
  "set local lock_timeout = '1s'",
  "set local tcp_user_timeout = '20s'",
];
export const ROUND_PLANNING = PLANNING.map((setting) => `set local ${setting}`);

/** The parts as text, about these queues alone. */
export function roundTexts(
  queues: readonly QueueOnShard[],
  { schema, request, isExact }: { schema: string; request: string; isExact: boolean },
): RoundStatement[] {
  const uncovered = isExact ? uncoveredSql(queues) : 'null::boolean';
  const values = { schema, request: literal(request), uncovered };
  return [
    { part: 'due', sql: fill(DUE, values) },
    { part: 'tick', sql: fill(TICK, values) },
    { part: 'see', sql: fill(SEE, { ...values, oldest: oldestSql(queues) }) },
    ...(isExact ? [{ part: 'covered' as const, sql: fill(COVERED, values) }] : []),
  ];
}

/** The parts, prepared on a direct connection for all queues that it may be asked about. */
export class PreparedRound {
  readonly #canRead: boolean;

  private constructor(canRead: boolean) {
    this.#canRead = canRead;
  }

  static async on(
    connection: Connection,
    queues: readonly { readonly queue: QueueOnShard; readonly reading: Reading }[],
    { schema }: { schema: string },
  ): Promise<PreparedRound> {
    const values = { schema, request: '$1', uncovered: uncoveredSql(queues.map(({ queue }) => queue)) };
    const read = inlineReadSql(queues, values);
    const texts = {
      due: fill(DUE, { ...values, uncovered: 'null::boolean' }),
      due_exact: fill(DUE, values),
      see: fill(SEE, { ...values, oldest: oldestSql(queues.map(({ queue }) => queue)) }),
      covered: fill(COVERED, values),
      ...(read === undefined ? {} : { read }),
    };
    await connection.script(
      [
        'set plan_cache_mode = force_generic_plan',
        ...PLANNING.map((setting) => `set ${setting}`),
        `prepare tributary_tick as ${fill(TICK, values)}`,
        ...Object.entries(texts).map(([name, text]) => `prepare tributary_${name} (jsonb) as ${text}`),
      ].join(';\n'),
    );
    return new PreparedRound(read !== undefined);
  }

  statements({
    request,
    isExact,
    isReading,
  }: {
    request: string;
    isExact: boolean;
    isReading: boolean;
  }): RoundStatement[] {
    const run = (part: RoundPart, name: string): RoundStatement => ({
      part,
      sql: `execute tributary_${name}(${literal(request)})`,
    });
    return [
      run('due', isExact ? 'due_exact' : 'due'),
      { part: 'tick', sql: 'execute tributary_tick' },
      run('see', 'see'),
      ...(isExact ? [run('covered', 'covered')] : []),
      ...(this.#canRead && isReading ? [run('read', 'read')] : []),
    ];
  }
}

/** For each queue: whether there is a row whose transaction began after the newest tick's snapshot, or was open in it and has ended. */
function uncoveredSql(queues: readonly QueueOnShard[]): string {
  const cases = queues.map(
    ({ queueId, eventTable, dialect: { xmax, xip } }) => `when ${queueId} then
      exists (select from ${eventTable} e where e.ev_txid >= ${xmax}(l.tick_snapshot))
      or exists (select from ${eventTable} e where e.ev_txid = any (array(select ${xip}(l.tick_snapshot))))`,
  );
  return `case q.queue_id ${cases.join('\n')} end`;
}

/** For each queue: the time of the oldest event whose transaction began after the tick's snapshot, or was open in it and has ended. */
function oldestSql(queues: readonly QueueOnShard[]): string {
  const cases = queues.map(
    ({ queueId, eventTable, dialect: { xmax, xip } }) => `when ${queueId} then (
      select min(w.ev_time) from (
        (select e.ev_time from ${eventTable} e
          where e.ev_txid >= ${xmax}(t.tick_snapshot) and e.ev_owner is null order by e.ev_txid limit 100)
        union all
        (select e.ev_time from ${eventTable} e
          where e.ev_txid = any (array(select ${xip}(t.tick_snapshot))) and e.ev_owner is null limit 100)) w)`,
  );
  return `case q.queue_id ${cases.join('\n')} end`;
}
