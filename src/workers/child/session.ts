// What a handler leaves behind in the session that it shares with all later batches, and how those are kept from it.
//
// Prepared statements of the driver stay: it remembers them by their names, and what they do does not change. Our own memory of
// where rows were stays as well; it saves time in the next call.
import type { Connection } from '../../postgres/connection.ts';
import { usedByHandlers } from './guarded-client.ts';

const RESET = `close all; unlisten *; reset role; set session authorization default;
do $$
declare
    v_memo  text := current_setting('tributary.coop_memo', true);
    v_name  text;
begin
    for v_name in select name from pg_catalog.pg_prepared_statements where from_sql loop
        execute pg_catalog.format('deallocate %I', v_name);
    end loop;
    reset all;
    if v_memo is not null then
        perform pg_catalog.set_config('tributary.coop_memo', v_memo, false);
    end if;
end;
$$;
select pg_catalog.pg_advisory_unlock_all(); discard temp; discard sequences`;

/** Behind a batch, with no transaction open. Does nothing where no handler has used the connection. */
export async function resetSession(connection: Connection): Promise<void> {
  if (usedByHandlers.delete(connection.client)) await connection.script(RESET);
}
