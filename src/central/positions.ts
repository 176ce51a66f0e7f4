// Sources and their newest positions, read from central.
import type { HaltCode } from '../errors/codes.ts';
import { TributaryError } from '../errors/tributary-error.ts';
import type { Connection } from '../postgres/connection.ts';
import type { Position } from './position.ts';

/** Why a source is halted: in short for programs, as a sentence for people. */
export interface Halt {
  readonly code: HaltCode;
  readonly reason: string;
}

/** One source as central knows it. */
export interface StoredSource {
  readonly id: number;
  readonly shard: string;
  readonly queue: string;
  readonly centralQueue: string;
  /** All that install has led it to; absent: that one. */
  readonly routes?: readonly string[];
  readonly state: 'registering' | 'active' | 'halted';
  readonly haltReason: string | undefined;
  readonly paused: boolean;
  readonly pauseReason: string | undefined;
  /** Absent: install has not finished, or the position was lost. */
  readonly position: Position | undefined;
  /** Number of the newest position. */
  readonly n: number;
  /** Events moved since the source was installed. */
  readonly moved: number;
}

interface SourceRow {
  source: number;
  shard: string;
  queue: string;
  central_queue: string;
  routes: string[] | null;
  state: StoredSource['state'];
  halt_reason: string | null;
  paused: boolean;
  pause_reason: string | null;
  n: number | null;
  tick_id: number;
  tick_time_us: number;
  tick_event_seq: number;
  tick_snapshot_md5: string;
  end_tick_id: number | null;
  end_tick_time_us: number;
  end_tick_event_seq: number;
  end_snapshot_md5: string;
  last_event_id: number;
  moved: number | null;
}

/** All sources on `shards`, by shard and queue. */
export async function readSources(central: Connection, shards: readonly string[]): Promise<StoredSource[]> {
  const rows = await central.query<SourceRow>('select * from tributary.sources_of($1)', [shards]);
  return rows.map(toSource);
}

/** Halts a source until an operator acts: `repair` is the way on. */
export async function haltSource(central: Connection, source: number, { code, reason }: Halt): Promise<void> {
  const rows = await central.query('select tributary.halt_source($1, $2, $3) as halted', [
    source,
    code,
    reason,
  ]);
  if (rows.length !== 1)
    throw new TributaryError(`Source ${source} is not known.`, { code: 'source', kind: 'internal' });
}

function toSource(row: SourceRow): StoredSource {
  return {
    id: row.source,
    shard: row.shard,
    queue: row.queue,
    centralQueue: row.central_queue,
    ...(row.routes === null ? {} : { routes: row.routes }),
    state: row.state,
    haltReason: row.halt_reason ?? undefined,
    paused: row.paused,
    pauseReason: row.pause_reason ?? undefined,
    position: row.n === null ? undefined : toPosition(row),
    n: row.n ?? 0,
    moved: row.moved ?? 0,
  };
}

function toPosition(row: SourceRow): Position {
  const tick = {
    id: row.tick_id,
    timeUs: row.tick_time_us,
    eventSeq: row.tick_event_seq,
    md5: row.tick_snapshot_md5,
  };
  if (row.end_tick_id === null) return { tick };
  const end = {
    id: row.end_tick_id,
    timeUs: row.end_tick_time_us,
    eventSeq: row.end_tick_event_seq,
    md5: row.end_snapshot_md5,
  };
  return { tick, inside: { end, lastEventId: row.last_event_id } };
}
