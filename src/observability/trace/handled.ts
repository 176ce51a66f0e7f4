// What central knows of an event's handling: the parts of batches that settled it, its failures, and where the workers are.
import type { Connection } from '../../postgres/connection.ts';
import { readDeath } from './deaths.ts';
import { iso } from './find-event.ts';
import { type InFront, type Lane, readBatches, readInFront, readLane } from './open-batches.ts';
import type { TracedDeath, TracedTry } from './shape.ts';

export interface HandlingFacts {
  /** Where the group stands; undefined: there is no group. */
  readonly group: { readonly tick: number; readonly eventSeq: number | undefined } | undefined;
  /** The open batch that has the event. */
  readonly open: OpenBatchFacts | undefined;
  /** The oldest first. */
  readonly tries: readonly TracedTry[];
  /** Some of the events that failed in the same transaction are not noted one by one. */
  readonly isUnsure: boolean;
  readonly retry:
    | {
        readonly attempts: number;
        readonly error: string | null;
        readonly nextAt: string;
        readonly isDue: boolean;
      }
    | undefined;
  /** It waits behind another one of its key; absent: it does not. */
  readonly inFront?: InFront | undefined;
  /** The newest one. */
  readonly dead: TracedDeath | undefined;
  /** The history reaches back to here; undefined: it is empty. */
  readonly keptFrom: string | undefined;
}

export interface OpenBatchFacts {
  readonly member: string;
  readonly token: string;
  /** The member's last sign of life. */
  readonly activeAt: string;
  /** The event is in a part of it that is done. */
  readonly isDone: boolean;
}

export interface HandledEvent {
  readonly queue: string;
  /** The group, as a consumer; what its workers call it, and its own name in a queue that has several. */
  readonly group: string;
  readonly work: string;
  readonly part: string | undefined;
  readonly id: number;
  /** The first central tick that saw it; undefined: none has, or it is not known. */
  readonly seenBy: number | undefined;
  /** The transaction that wrote it; undefined: not known. */
  readonly txid: string | undefined;
  /** As dead events that were refused have it. */
  readonly origin: string | undefined;
}

/** Of one event that fails again and again. */
const MOST_TRIES = 50;

/** How many times it is read until nothing happened meanwhile. */
const MOST_READINGS = 5;

/** As of one moment: an event that is tried while it is read would seem to be put off, and to wait for nothing. */
export async function readHandling(central: Connection, event: HandledEvent): Promise<HandlingFacts> {
  const lane = await readLane(central, event);
  let before = await readTries(central, event, lane);
  for (let reading = 1; ; reading += 1) {
    const facts = {
      ...(await readBatches(central, event, lane)),
      retry: await readRetry(central, event),
      inFront: await readInFront(central, event),
      dead: await readDeath(central, event),
      keptFrom: await readKeptFrom(central),
    };
    const after = await readTries(central, event, lane);
    // The batch that it came with has gone on without it.
    if (facts.inFront !== undefined) return { ...facts, tries: [], isUnsure: false };
    const isSame = after.tries.at(-1)?.transaction === before.tries.at(-1)?.transaction;
    if (isSame || reading === MOST_READINGS) return { ...facts, ...after };
    before = after;
  }
}

interface HandledRow {
  start_tick: number;
  end_tick: number;
  token: number;
  openings: number;
  worker: string;
  host: string | null;
  pid: number;
  events: number;
  put_off: number;
  dead: number;
  calls: number;
  calls_ms: number;
  longest_ms: number;
  fates: string | null;
  lane: number | null;
  xid: number;
  at_ms: number;
}

/** As `PartNote` of the workers writes it. */
interface Fate {
  readonly id: number;
  readonly became: 'put-off' | 'dead' | 'recovered';
  readonly attempts?: number;
  readonly error?: string;
  readonly after_ms?: number;
}

const HANDLED = `h.start_tick, h.end_tick, h.token, h.openings, h.worker, h.host, h.pid, h.events, h.put_off, h.dead,
    h.calls, h.calls_ms, h.longest_ms, h.fates, h.lane, h.xid, extract(epoch from h.at)::float8 * 1000 as at_ms`;

async function readTries(
  central: Connection,
  { work, id, seenBy }: HandledEvent,
  lane: Lane | undefined,
): Promise<Pick<HandlingFacts, 'tries' | 'isUnsure'>> {
  const first =
    seenBy === undefined
      ? []
      : await central.query<HandledRow>(
          `select ${HANDLED} from tributary.handled h
           where h.central_queue = $1 and h.start_tick < $2 and (h.last_event_id is null or h.last_event_id >= $3)
               and h.end_tick = (select min(o.end_tick) from tributary.handled o
                   where o.central_queue = $1 and o.end_tick >= $2 and o.start_tick < $2
                       and coalesce(o.lane, $4::int4, -1) = coalesce($4::int4, o.lane, -1))
               and coalesce(h.lane, $4::int4, -1) = coalesce($4::int4, h.lane, -1)
           order by h.at limit 1`,
          [work, seenBy, id, lane?.lane ?? null],
        );
  const later = await central.query<HandledRow>(
    `select ${HANDLED} from tributary.handled h
     where h.central_queue = $1 and h.end_tick >= $2 and h.fates is not null and strpos(h.fates, $3) > 0
     order by h.at desc limit $4`,
    [work, seenBy ?? 0, `"id":${id},`, MOST_TRIES],
  );
  const others = later.reverse().filter(({ xid }) => xid !== first[0]?.xid);
  const [part] = first;
  const fates = part === undefined ? [] : fatesOf(part);
  // What is noted of a later batch alone had waited behind another event of its key when the first one was handled.
  const hasWaited = part?.lane != null && others.length > 0 && !fates.some((fate) => fate.id === id);
  const rows = hasWaited ? others : [...first, ...others];
  return {
    tries: rows.map((row) => toTry(row, id)),
    isUnsure:
      part !== undefined &&
      !hasWaited &&
      part.put_off + part.dead > fates.filter(({ became }) => became !== 'recovered').length &&
      !fates.some((fate) => fate.id === id),
  };
}

const fatesOf = ({ fates }: HandledRow): readonly Fate[] =>
  fates === null ? [] : (JSON.parse(fates) as Fate[]);

function toTry(row: HandledRow, id: number): TracedTry {
  // Where events share an id, the worst of what became of them.
  const own = fatesOf(row).filter((fate) => fate.id === id);
  const fate = own.find(({ became }) => became !== 'recovered') ?? own[0];
  return {
    became: fate === undefined || fate.became === 'recovered' ? 'done' : fate.became,
    at: iso(row.at_ms),
    worker: row.worker,
    host: row.host,
    pid: row.pid,
    batch: {
      token: String(row.token),
      startTick: row.start_tick,
      endTick: row.end_tick,
      openings: row.openings,
    },
    events: row.events,
    calls: row.calls,
    handlerMs: row.calls_ms,
    longestMs: row.longest_ms,
    transaction: String(row.xid),
    attempts: fate?.attempts ?? null,
    error: fate?.error ?? null,
    afterMs: fate?.after_ms ?? null,
  };
}

async function readRetry(
  central: Connection,
  { queue, group, id }: HandledEvent,
): Promise<HandlingFacts['retry']> {
  const [row] = await central.query<{
    attempts: number;
    last_error: string | null;
    next_ms: number;
    is_due: boolean;
  }>(
    `select attempts, last_error, extract(epoch from next_at)::float8 * 1000 as next_ms, next_at <= clock_timestamp() as is_due
     from tributary.attempt where central_queue = $1 and group_name = $2 and ev_id = $3`,
    [queue, group, id],
  );
  if (row === undefined) return undefined;
  return { attempts: row.attempts, error: row.last_error, nextAt: iso(row.next_ms), isDue: row.is_due };
}

/** The tables are filled in order and emptied whole, so their first pages have the oldest rows. */
async function readKeptFrom(central: Connection): Promise<string | undefined> {
  const [row] = await central.query<{ from_ms: number | null }>(
    `select extract(epoch from least(
         (select min(h.at) from tributary.handled_0 h where h.ctid < '(4,0)'),
         (select min(h.at) from tributary.handled_1 h where h.ctid < '(4,0)')))::float8 * 1000 as from_ms`,
  );
  return row?.from_ms == null ? undefined : iso(row.from_ms);
}
