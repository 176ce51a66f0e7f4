// A backlog on the shards: events of 170 bytes, in ticks of a given size.
import type { Connection } from '../../dist/postgres/connection.js';

/** Bytes of ev_data that make an event of about 170 bytes with its type, time and origin. */
const DATA_BYTES = 110;

export interface BacklogOptions {
  readonly queue: string;
  readonly events: number;
  readonly eventsPerTick: number;
  /** So many different keys in ev_extra1; default: none. */
  readonly keys?: number;
}

/** Inserts straight into the event table, tick by tick: only the result matters here. */
export async function makeBacklog(
  shard: Connection,
  { queue, events, eventsPerTick, keys = 0 }: BacklogOptions,
): Promise<void> {
  const key = keys === 0 ? 'null' : `''customer-'' || floor(random() * ${keys})`;
  for (let made = 0; made < events; made += eventsPerTick) {
    await shard.script(
      `begin; select pg_current_xact_id();
       select set_config('bench.table', pgq.current_event_table('${queue}'), true);
       do $$ begin execute format('insert into %s (ev_time, ev_type, ev_data, ev_extra1) select now(), ''order.placed'',
         rpad(n::text, ${DATA_BYTES}, ''x''), ${key} from generate_series(1, ${Math.min(eventsPerTick, events - made)}) n',
         current_setting('bench.table')); end $$;
       commit`,
    );
    await shard.query(`select pgq.ticker($1)`, [queue]);
  }
}
