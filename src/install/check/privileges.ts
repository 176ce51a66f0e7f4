// Which rights the runtime role lacks, by the server's own answer: names of rights, not of roles.
import type { Connection } from '../../postgres/connection.ts';
import { literal } from '../../postgres/quote.ts';
import type { PgqSchema } from '../../queue/provider.ts';

export interface PrivilegeQuestion {
  readonly schema: PgqSchema;
  readonly queues: readonly string[];
  /** Central also takes events and has our own schema. */
  readonly isCentral: boolean;
}

const MOVER_FUNCTIONS = [
  'ticker(text)',
  'register_consumer_at(text,text,bigint)',
  'unregister_consumer(text,text)',
  'maint_retry_events()',
  'maint_rotate_tables_step1(text)',
  'maint_rotate_tables_step2()',
];
const CENTRAL_FUNCTIONS = [
  'current_event_table(text)',
  'next_batch(text,text)',
  'get_batch_events(bigint)',
  'finish_batch(bigint)',
];
const TABLES = ['queue', 'tick', 'subscription', 'consumer'];

/** One message. @returns e.g. `execute on function pgq.ticker(text)`; empty: nothing is missing. */
export async function missingPrivileges(
  connection: Connection,
  question: PrivilegeQuestion,
): Promise<string[]> {
  const rows = await connection.query<{ what: string }>(missingSql(question));
  return rows.map(({ what }) => what);
}

/** Central's own schema; it must exist. */
export async function missingCentralPrivileges(connection: Connection): Promise<string[]> {
  const [row] = await connection.query<{ may: boolean }>(
    "select has_schema_privilege('tributary', 'usage') as may",
  );
  if (row?.may !== true) return ['usage on schema tributary'];
  const rows = await connection.query<{ what: string }>(`
select 'insert on table ' || c.oid::regclass as what from pg_class c
where c.relnamespace = 'tributary'::regnamespace and c.relkind = 'r' and not has_table_privilege(c.oid, 'insert')
union all
select 'execute on function ' || p.oid::regprocedure from pg_proc p
where p.pronamespace = 'tributary'::regnamespace and not has_function_privilege(p.oid, 'execute')
order by 1`);
  return rows.map(({ what }) => what);
}

function missingSql({ schema, queues, isCentral }: PrivilegeQuestion): string {
  const functions = [...MOVER_FUNCTIONS, ...(isCentral ? CENTRAL_FUNCTIONS : [])].map(
    (name) => `${schema}.${name}`,
  );
  const tables = TABLES.map((name) => `${schema}.${name}`);
  const names = queues.length === 0 ? 'null' : queues.map(literal).join(', ');
  const array = (texts: readonly string[]) => `array[${texts.map(literal).join(', ')}]`;
  return `
select 'execute on function ' || f as what from unnest(${array(functions)}) f
where not coalesce(has_function_privilege(to_regprocedure(f), 'execute'), false)
union all
select 'select on table ' || t from unnest(${array(tables)}) t
where not coalesce(has_table_privilege(to_regclass(t), 'select'), false)
union all
select p.privilege || ' on the event tables of queue ' || q.queue_name
from ${schema}.queue q
cross join (values ('select')${isCentral ? ", ('insert')" : ''}, ('truncate')) p (privilege)
where q.queue_name in (${names})
  and exists (
    select from generate_series(0, q.queue_ntables - 1) n
    where not coalesce(has_table_privilege(to_regclass(q.queue_data_pfx || '_' || n), p.privilege), false))
union all
select 'usage on sequence ' || q.queue_event_seq from ${schema}.queue q
where q.queue_name in (${names}) and not coalesce(has_sequence_privilege(to_regclass(q.queue_event_seq), 'usage'), false)`;
}
