// Queries of repair: former positions of a source, its events that central still has, and activating it again.
import { TIMING } from '../lifecycle/timing.ts';
import type { Connection } from '../postgres/connection.ts';
import { literal } from '../postgres/quote.ts';
import type { Fingerprint } from './position.ts';

/** Fetched at a time. */
const FETCHED = 10_000;

/** Ticks that the source was moved to, the newest first, as far back as positions are kept. */
export async function readHistory(central: Connection, source: number): Promise<Fingerprint[]> {
  const rows = await central.query<{
    tick_id: number;
    tick_time_us: number;
    tick_event_seq: number;
    tick_snapshot_md5: string;
  }>('select * from tributary.position_history($1)', [source]);
  return rows.map((row) => ({
    id: row.tick_id,
    timeUs: row.tick_time_us,
    eventSeq: row.tick_event_seq,
    md5: row.tick_snapshot_md5,
  }));
}

/** Why it was halted, as a short stable name; undefined: it is not. */
export async function readHaltCode(central: Connection, source: number): Promise<string | undefined> {
  const [row] = await central.query<{ halt_code: string | null }>(
    'select halt_code from tributary.source where id = $1',
    [source],
  );
  return row?.halt_code ?? undefined;
}

/** Events of a source that central still holds: ids are given out again after a restore, times are not. */
export class KnownEvents {
  #ids = new Float64Array(FETCHED);
  #timesUs = new Float64Array(FETCHED);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** In the order of ids. */
  add(id: number, timeUs: number): void {
    if (this.#size === this.#ids.length) {
      this.#ids = twice(this.#ids);
      this.#timesUs = twice(this.#timesUs);
    }
    this.#ids[this.#size] = id;
    this.#timesUs[this.#size] = timeUs;
    this.#size += 1;
  }

  has(id: number, timeUs: number): boolean {
    let [low, high] = [0, this.#size];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ids[middle] as number) < id) low = middle + 1;
      else high = middle;
    }
    for (; low < this.#size && this.#ids[low] === id; low += 1)
      if (this.#timesUs[low] === timeUs) return true;
    return false;
  }
}

function twice(values: Float64Array): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(values.length * 2);
  larger.set(values);
  return larger;
}

/** The events of one source, under all names that it had, between two ids, in a central queue's tables, as far as rotation has left them. */
export async function readKnownEvents(
  central: Connection,
  {
    queue,
    column,
    prefixes,
    from,
    to,
  }: { queue: string; column: string; prefixes: readonly string[]; from: number; to: number },
): Promise<KnownEvents> {
  const known = new KnownEvents();
  const [table] = await central.query<{ name: string }>(
    'select queue_data_pfx as name from pgq.queue where queue_name = $1',
    [queue],
  );
  if (table === undefined) return known;
  await central.script(`begin; declare known no scroll cursor for
    select id, time_us
    from (${prefixes.flatMap((prefix) => placesOf(table.name, queue).map((place) => heldSql(place, column, prefix))).join(' union all ')}) e
    where id between ${from} and ${to}
    order by id`);
  for (;;) {
    const [rows = []] = await central.script(`fetch ${FETCHED} from known`, {
      timeoutMs: TIMING.gathering.repairMs,
    });
    for (const { id: one, time_us } of rows) known.add(one as number, time_us as number);
    if (rows.length < FETCHED) break;
  }
  await central.script('commit');
  return known;
}

/** Its event tables, its delayed events, those of them that were cancelled, and those left out for their keys. */
function placesOf(table: string, queue: string): string[] {
  const delayed = ['delayed', 'delayed_cancelled', 'unique_left'].map(
    (name) =>
      `(select ev_time, ev_extra1, ev_extra2, ev_extra3, ev_extra4 from tributary.${name} where central_queue = ${literal(queue)}) d`,
  );
  return [table, ...delayed];
}

function heldSql(table: string, column: string, prefix: string): string {
  const id = `substr(${column}, ${[...prefix].length + 1})`;
  return `select case when ${id} ~ '^[0-9]{1,18}$' then ${id}::bigint end as id,
            (extract(epoch from ev_time) * 1000000)::bigint as time_us
        from ${table} where starts_with(${column}, ${literal(prefix)})`;
}

/** Activates a halted source, in the transaction that moves its position. */
export const activateSourceSql = (source: number): string => `select tributary.activate_source(${source})`;
