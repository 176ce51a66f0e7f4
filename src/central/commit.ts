// The gathered commit: windows of many sources and their positions, in one transaction on central.
//
// Order: the transaction owns its id, then asks for the event table (the other way round a rotation in between loses the
// events), then COPY, then positions (their locks last milliseconds), commit and a tick.
// Fails by: an error anywhere rolls everything back; an error on commit itself leaves it unknown whether it happened, so
// the caller reads the positions again before it goes on.
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { failPoint } from '../lifecycle/fail-point.ts';
import type { Connection } from '../postgres/connection.ts';
import { literal } from '../postgres/quote.ts';
import { CENTRAL_COLUMNS } from './columns.ts';
import type { Position } from './position.ts';

/** One source's step in a commit. */
export interface PositionStep {
  readonly source: number;
  /** Number of the new position: one more than that of `after`. */
  readonly n: number;
  readonly after: Position;
  readonly to: Position;
  /** Events moved by this step. */
  readonly rows: number;
}

export interface CommitContent {
  readonly queue: string;
  /** Rows in COPY's binary format, without header and trailer; at hand, or as they come. */
  readonly chunks: readonly Buffer[] | AsyncIterable<Buffer>;
  readonly steps: readonly PositionStep[];
  /** Events that central refuses: kept as dead events by this commit, which moves the position over them. */
  readonly dead?: readonly DeadOfSource[];
  /** What else becomes true with it. */
  readonly alongsideSql?: string;
}

export interface DeadOfSource {
  readonly source: number;
  readonly events: readonly DeadRow[];
}

export interface DeadRow {
  /** The row as COPY would have got it. */
  readonly row: Buffer;
  /** Its event id, where it was found on the shard. */
  readonly id?: number;
  readonly origin: string | undefined;
  readonly error: string;
  readonly sqlstate: string;
}

export interface CommitOptions {
  /** Limit for each answer of central, in ms. */
  readonly timeoutMs: number;
  /** A statement that ties the transaction to its process, so that whoever takes over may end it. */
  readonly holdSql: string;
}

/** Raised by insert_positions: the position is not where the mover left it. */
const POSITION_MOVED = 'TB010';

/** Signature, flags, length of the header's extension. */
const COPY_HEADER = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)]);
/** So much of a refused event is kept; its whole length is kept beside it. */
const MOST_RAW_BYTES = 1024 * 1024;
/** At least so fast central is with what it has got. */
const CENTRAL_BYTES_PER_MS = 1024;
const COPY_TRAILER = Buffer.from([0xff, 0xff]);

/**
 * Beside a tick that is a transaction of its own: whoever hands out its batch commits behind it and flushes both, so that
 * waiting for the disk here would only hold the lock that all who notify on the server take in turn.
 */
export const LAZILY = "set_config('synchronous_commit', 'off', true)";

/** A transaction that inserted events. */
export interface Committed {
  /** A tick has to cover it. */
  readonly xid: number;
  /** One does already. */
  readonly isCovered: boolean;
}

/** @returns undefined where no event was inserted. */
export async function commitGathered(
  central: Connection,
  { queue, chunks, steps, dead = [], alongsideSql }: CommitContent,
  { timeoutMs, holdSql }: CommitOptions,
): Promise<Committed | undefined> {
  // Asked for behind the rows: who reads while we copy knows their number only then.
  const positions = () =>
    [
      ...dead.map(condemnSql),
      `select tributary.insert_positions(${literal(JSON.stringify(steps.map(stepJson)))}::jsonb)`,
      ...(alongsideSql === undefined ? [] : [alongsideSql]),
    ].join('; ');
  try {
    if (Array.isArray(chunks) && chunks.length === 0) {
      await central.script(`begin isolation level read committed; ${positions()}; commit`, { timeoutMs });
      return undefined;
    }
    const { xid, table } = await openCommit(central, queue, { timeoutMs, holdSql });
    await failPoint('commit:opened');
    await copyChunks(central, table, chunks, timeoutMs);
    await failPoint('commit:copied');
    // In one message: nobody can be frozen while positions are locked, and workers need not wait for another turn.
    const results = await central.script(
      `${positions()}; commit; select ${LAZILY}, tributary.tick_after_commit(${literal(queue)}, ${xid}) as covered`,
      { timeoutMs },
    );
    await failPoint('commit:committed');
    return { xid, isCovered: results.at(-1)?.[0]?.covered === true };
  } catch (error) {
    if (!central.failed) await central.script('rollback', { timeoutMs }).catch(() => {});
    throw error;
  }
}

export interface RowsContent {
  readonly queue: string;
  readonly chunks: readonly Buffer[];
  /** What else belongs to the transaction. */
  readonly alongsideSql: string;
}

/** Stores rows that no source's step brings: events that were kept aside. @throws what central says; nothing is stored then. */
export async function commitRows(
  central: Connection,
  { queue, chunks, alongsideSql }: RowsContent,
  options: CommitOptions,
): Promise<void> {
  try {
    const { table } = await openCommit(central, queue, options);
    await copyChunks(central, table, chunks, options.timeoutMs);
    await central.script(alongsideSql, options);
    await central.script('commit', options);
  } catch (error) {
    if (!central.failed) await central.script('rollback', options).catch(() => {});
    throw error;
  }
}

/**
 * Whether central takes these rows: everything of a commit but the commit itself, deferred constraints included.
 * @returns undefined, or the error.
 */
export async function tryRows(
  central: Connection,
  { queue, chunks }: { queue: string; chunks: readonly Buffer[] },
  options: CommitOptions,
): Promise<unknown> {
  try {
    const { table } = await openCommit(central, queue, options);
    await copyChunks(central, table, chunks, options.timeoutMs);
    await central.script('set constraints all immediate', options);
    return undefined;
  } catch (error) {
    if (central.failed) throw error;
    return error;
  } finally {
    if (!central.failed) await central.script('rollback', options);
  }
}

/** Another mover moved the source, or central went back: it is no fault of the events. */
export function isPositionMoved(error: unknown): boolean {
  const { code, schema } = error as { code?: unknown; schema?: unknown };
  return code === POSITION_MOVED || (code === '23505' && schema === 'tributary');
}

/**
 * The only caller of current_event_table: the transaction has its id before it asks. Positions are locked between two messages:
 * a process frozen there would hold up every other mover of the source, and all that waits for central in it.
 */
async function openCommit(
  central: Connection,
  queue: string,
  { timeoutMs, holdSql }: CommitOptions,
): Promise<{ xid: number; table: string }> {
  const [, , [own] = [], , [current] = []] = await central.script(
    `begin isolation level read committed;
     set local idle_in_transaction_session_timeout = '5s';
     select pg_current_xact_id()::text::bigint as xid;
     ${holdSql};
     select pgq.current_event_table(${literal(queue)}) as event_table`,
    { timeoutMs },
  );
  return { xid: own?.xid as number, table: current?.event_table as string };
}

async function copyChunks(
  central: Connection,
  table: string,
  chunks: CommitContent['chunks'],
  timeoutMs: number,
): Promise<void> {
  const sink = central.copyIn(`copy ${table} (${CENTRAL_COLUMNS}) from stdin (format binary)`);
  const giveUp = () => central.destroy();
  let timer = setTimeout(giveUp, timeoutMs);
  let bytes = 0;
  let isOver = false;
  try {
    const done = finished(sink);
    done.catch(() => {
      isOver = true;
    });
    const write = async (chunk: Buffer) => {
      if (!sink.write(chunk)) await drained(sink, done);
      bytes += chunk.length;
      timer.refresh();
    };
    if (isSmall(chunks)) sink.write(Buffer.concat([COPY_HEADER, ...chunks, COPY_TRAILER]));
    else {
      await write(COPY_HEADER);
      for await (const chunk of chunks) await write(chunk);
      await write(COPY_TRAILER);
    }
    sink.end();
    // A large event is compressed and written only now that central has all of it.
    clearTimeout(timer);
    timer = setTimeout(giveUp, timeoutMs + bytes / CENTRAL_BYTES_PER_MS);
    await done;
  } catch (error) {
    // Where the rows broke off, the COPY must not be taken for complete; one that central refused, or that went with its
    // connection, is over, and would be waited for in vain.
    if (!isOver) await new Promise<void>((resolve) => sink.destroy(error as Error).once('close', resolve));
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Few bytes cost more by the piece than by a copy. */
const SMALL_BYTES = 32 * 1024;

function isSmall(chunks: CommitContent['chunks']): chunks is readonly Buffer[] {
  return Array.isArray(chunks) && chunks.reduce((sum, { length }) => sum + length, 0) <= SMALL_BYTES;
}

async function drained(sink: Writable, done: Promise<void>): Promise<void> {
  await Promise.race([once(sink, 'drain'), done]);
}

function condemnSql({ source, events }: DeadOfSource): string {
  const list = events.map(({ row, origin, error, sqlstate }) => ({
    // NUL is the one character that JSON carries and text does not.
    origin: origin?.replaceAll('\0', '') ?? null,
    raw: row.subarray(0, MOST_RAW_BYTES).toString('base64'),
    raw_length: row.length,
    error,
    sqlstate,
    attempts: 2,
  }));
  return `select tributary.condemn(${source}, ${literal(JSON.stringify(list))}::jsonb)`;
}

function stepJson({ source, n, after, to, rows }: PositionStep): Record<string, unknown> {
  return {
    source,
    n,
    after_tick_id: after.tick.id,
    after_tick_time_us: after.tick.timeUs,
    tick_id: to.tick.id,
    tick_time_us: to.tick.timeUs,
    tick_event_seq: to.tick.eventSeq,
    tick_snapshot_md5: to.tick.md5,
    end_tick_id: to.inside?.end.id ?? null,
    end_tick_time_us: to.inside?.end.timeUs ?? null,
    end_tick_event_seq: to.inside?.end.eventSeq ?? null,
    end_snapshot_md5: to.inside?.end.md5 ?? null,
    last_event_id: to.inside?.lastEventId ?? null,
    moved: rows,
  };
}
