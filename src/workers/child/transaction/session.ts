// Cleans the session that all calls and transactions share from what a handler left in it.
//
// Prepared statements of the driver stay: it remembers them by name, and what they do does not change. Our own setting
// `tributary.coop_memo`, which remembers where rows are, stays as well; it saves time in the next call.
import type { Connection } from '../../../postgres/connection.ts';
import { usedByHandlers } from './guarded-client.ts';

/** Restores role and settings as the connection began, and drops statements that SQL has prepared; works inside a transaction. */
export const RESET = `reset session authorization; reset role;
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
$$`;

/** With what can be dropped only where no transaction is open. */
const RESET_ALL = `close all; unlisten *; ${RESET};
select pg_catalog.pg_advisory_unlock_all(); discard temp; discard sequences`;

/** `text`, which ends the transaction, and the cleaning behind it in one message; where no handler has used the connection, `text` alone. */
export async function endWith(text: string, connection: Connection): Promise<void> {
  const isUsed = usedByHandlers.has(connection.client);
  await connection.script(isUsed ? `${text}; ${RESET_ALL}` : text);
  usedByHandlers.delete(connection.client);
}

/** Cancels the statement that another session runs. @param connection is closed then. */
export async function cancelBackend(connection: Connection, backendPid: number): Promise<void> {
  try {
    await connection.query('select pg_cancel_backend($1)', [backendPid]);
  } finally {
    await connection.close();
  }
}
