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

const DUE = sqlFile('shard', 'round', 'due.sql');
const TICK = sqlFile('shard', 'round', 'tick.sql');
const SEE = sqlFile('shard', 'round', 'see.sql');
const COVERED = sqlFile('shard', 'round', 'covered.sql');
const LOOK = sqlFile('shard', 'round', 'look.sql');
const LOOK_EXACT = sqlFile('shard', 'round', 'look-exact.sql');
const LEFT = sqlFile('shard', 'round', 'left.sql');

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
const ROUND_SETTINGS = [
  "set local statement_timeout = '15s'",
  "set local lock_timeout = '1s'",
  "set local tcp_user_timeout = '20s'",
];
export const BEGIN_ROUND = ['begin isolation level read committed', ...ROUND_SETTINGS];
export const ROUND_PLANNING = PLANNING.map((setting) => `set local ${setting}`);

/** Where a look has told already whether events are in no tick. */
const KNOWN_UNCOVERED = 'r.uncovered';

/** The parts as text, about these queues alone. */
export function roundTexts(
  queues: readonly QueueOnShard[],
  { schema, request, isExact }: { schema: string; request: string; isExact: boolean },
): RoundStatement[] {
  const uncovered = isExact ? uncoveredSql(queues) : KNOWN_UNCOVERED;
  const values = { schema, request: literal(request), uncovered };
  return [
    { part: 'due', sql: fill(DUE, values) },
    { part: 'tick', sql: fill(TICK, values) },
    { part: 'see', sql: fill(SEE, { ...values, oldest: oldestSql(queues) }) },
    ...(isExact ? [{ part: 'covered' as const, sql: fill(COVERED, values) }] : []),
  ];
}

/** What a prepared round is asked. */
interface PreparedRequest {
  /** For the statements: a json array, as round/due.sql has it. */
  readonly request: string;
  readonly isExact: boolean;
  /** Whether events may be much older than the tick after them. */
  readonly isDated: boolean;
  /** Queues whose small windows are to be read. */
  readonly reading: readonly number[];
}

/**
 * The parts, prepared on a direct connection for all queues that it may be asked about. What reads event tables is a statement for each
 * queue where only some are asked for: the server opens all tables that a statement names, also those that it does not read.
 */
export class PreparedRound {
  readonly #readable: ReadonlySet<number>;

  private constructor(readable: ReadonlySet<number>) {
    this.#readable = readable;
  }

  static async on(
    connection: Connection,
    queues: readonly { readonly queue: QueueOnShard; readonly reading: Reading }[],
    { schema }: { schema: string },
  ): Promise<PreparedRound> {
    const all = queues.map(({ queue }) => queue);
    const values = { schema, request: '$1', uncovered: uncoveredSql(all) };
    const reads = queues.flatMap((one) => {
      const sql = inlineReadSql([one], values);
      return sql === undefined ? [] : [[one.queue.queueId, sql] as const];
    });
    const texts = {
      due: fill(DUE, { ...values, uncovered: KNOWN_UNCOVERED }),
      due_exact: fill(DUE, values),
      see: fill(SEE, { ...values, oldest: 'null::timestamptz' }),
      see_dated: fill(SEE, { ...values, oldest: oldestSql(all) }),
      covered: fill(COVERED, values),
      ...Object.fromEntries(reads.map(([id, sql]) => [`read_${id}`, sql])),
    };
    const lefts = all.map((queue): [string, string] => [
      `left_${queue.queueId} (bigint)`,
      fill(LEFT, { ...queue.dialect, schema, id: String(queue.queueId), uncovered: uncoveredOf(queue) }),
    ]);
    const ids = all.map(({ queueId }) => queueId).join(', ');
    const looks = [
      ['look', fill(LOOK, { schema, ids })],
      ['look_exact', fill(LOOK_EXACT, { schema, ids, uncovered: uncoveredSql(all) })],
      ...lefts,
    ];
    await connection.script(
      [
        'set plan_cache_mode = force_generic_plan',
        ...PLANNING.map((setting) => `set ${setting}`),
        `prepare tributary_tick as ${fill(TICK, values)}`,
        ...Object.entries(texts).map(([name, text]) => `prepare tributary_${name} (jsonb) as ${text}`),
        ...looks.map(([name, text]) => `prepare tributary_${name} as ${text}`),
      ].join(';\n'),
    );
    return new PreparedRound(new Set(reads.map(([id]) => id)));
  }

  statements({ request, isExact, isDated, reading }: PreparedRequest): RoundStatement[] {
    const run = (part: RoundPart, name: string): RoundStatement => ({
      part,
      sql: `execute tributary_${name}(${literal(request)})`,
    });
    return [
      run('due', isExact ? 'due_exact' : 'due'),
      { part: 'tick', sql: 'execute tributary_tick' },
      run('see', isExact || isDated ? 'see_dated' : 'see'),
      ...(isExact ? [run('covered', 'covered')] : []),
      ...reading.filter((id) => this.#readable.has(id)).map((id) => run('read', `read_${id}`)),
    ];
  }

  /** A look at all queues. @param open by id of those that may have events in no tick: the transaction ids that are below this. */
  lookTexts(open: Iterable<readonly [number, number]>): string[] {
    const lefts = [...open].map(([id, below]) => `execute tributary_left_${id}(${below})`);
    return ['execute tributary_look', ...lefts];
  }

  /** An exact look at all queues, which waits for no lock for long. */
  exactLookTexts(): string[] {
    return [...BEGIN_ROUND, 'execute tributary_look_exact', 'commit'];
  }
}

/** For each queue: whether there is a row whose transaction began after the newest tick's snapshot, or was open in it and has ended. */
function uncoveredSql(queues: readonly QueueOnShard[]): string {
  const cases = queues.map((queue) => `when ${queue.queueId} then ${uncoveredOf(queue)}`);
  return `case q.queue_id ${cases.join('\n')} end`;
}

/** The same for one queue, by its newest tick `l`. */
const uncoveredOf = ({ eventTable, dialect: { xmax, xip } }: QueueOnShard): string =>
  `(exists (select from ${eventTable} e where e.ev_txid >= ${xmax}(l.tick_snapshot))
      or exists (select from ${eventTable} e where e.ev_txid = any (array(select ${xip}(l.tick_snapshot)))))`;

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
