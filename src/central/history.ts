// What repair needs of central: where a source has been, which of its events central still holds, and letting it move again.
import type { Connection } from '../postgres/connection.ts';
import type { Fingerprint } from './position.ts';

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

/** An event of a source that central still holds: ids are given out again after a restore, times are not. */
export interface HeldEvent {
  readonly id: number;
  /** Microseconds since the epoch. */
  readonly timeUs: number;
}

/** The events of one source in a central queue's tables, as far as rotation has left them. */
export async function readHeldEvents(
  central: Connection,
  { queue, column, prefix }: { queue: string; column: string; prefix: string },
): Promise<HeldEvent[]> {
  const [table] = await central.query<{ name: string }>(
    'select queue_data_pfx as name from pgq.queue where queue_name = $1',
    [queue],
  );
  if (table === undefined) return [];
  return await central.query<HeldEvent>(
    `select substr(${column}, length($1) + 1)::bigint as id, (extract(epoch from ev_time) * 1000000)::bigint as "timeUs"
     from ${table.name} where starts_with(${column}, $1) and substr(${column}, length($1) + 1) ~ '^[0-9]+$'`,
    [prefix],
  );
}

export async function activateSource(central: Connection, source: number): Promise<void> {
  await central.query('select tributary.activate_source($1)', [source]);
}
