// Reads the facts of our schema in the central database: its version, its installation, the sizes of the pools.
import type { Database } from '../../config/config.ts';
import type { QueueLanes } from '../../config/worked.ts';
import type { Connection } from '../../postgres/connection.ts';
import { literal } from '../../postgres/quote.ts';
import { rolesOf, strangersSql } from './strangers.ts';

export interface CentralFacts {
  /** What strangers own or may change in our schemas, see strangers.ts. */
  readonly strangers: readonly string[];
  /** The schema has contents, but no mark of an install and no identity. */
  readonly isUnmarked: boolean;
  readonly hasSchema: boolean;
  readonly ownsSchema: boolean;
  /** What an install left on the schema, see postgres/sql-files.ts. */
  readonly mark: string | undefined;
  /** Versions of the migrations that are in. */
  readonly applied: readonly number[];
  readonly identity: { readonly id: string; readonly name: string } | undefined;
  /** The schema `pgq_coop` is not ours: it is left alone. */
  readonly hasForeignCoop: boolean;
  /** Whether the runtime role may use the schema and everything in it. */
  readonly runtimeMayUse: boolean;
  /** First numbers of workers that the file gave last, by central queue. */
  readonly pools: ReadonlyMap<string, number>;
  /** Central queues that an operator has retired, and not added again since. */
  readonly retired: ReadonlySet<string>;
  /** The lanes that groups have, or will have behind a mark, by queue and group as a consumer. */
  readonly lanes: ReadonlyMap<string, WantedLanes>;
}

/** Of a group without any the count is 0. */
export type WantedLanes = Pick<QueueLanes, 'count'> & {
  readonly key: string | undefined;
  readonly pauses: boolean;
  readonly isFair: boolean;
  readonly perKeyPerSecond: number | undefined;
};

export const lanesKey = (queue: string, group: string): string => `${queue} ${group}`;

export const COOP_COMMENT = "Cooperative consumption under upstream's names, bundled with Tributary.";

interface FirstRow {
  has_schema: boolean;
  owns_schema: boolean;
  mark: string | null;
  has_migrations: boolean;
  has_identity: boolean;
  has_pools: boolean;
  has_logbook: boolean;
  has_lanes: boolean;
  foreign_coop: boolean;
  runtime_exists: boolean;
  is_empty: boolean;
  strangers: string[] | null;
}

/** Two messages. */
export async function readCentralFacts(
  connection: Connection,
  { user, admin }: Pick<Database, 'user' | 'admin'>,
): Promise<CentralFacts> {
  const role = literal(user);
  const [row] = await connection.query<FirstRow>(`
select to_regnamespace('tributary') is not null as has_schema,
    coalesce((select pg_has_role(nspowner, 'usage') from pg_namespace where nspname = 'tributary'), false) as owns_schema,
    obj_description(to_regnamespace('tributary'), 'pg_namespace') as mark,
    ${mayReadSql('migration')} as has_migrations, ${mayReadSql('identity')} as has_identity,
    ${mayReadSql('worker_pool')} as has_pools, ${mayReadSql('logbook')} as has_logbook,
    ${mayReadSql('lane_set')} as has_lanes,
    to_regnamespace('pgq_coop') is not null
        and coalesce(obj_description(to_regnamespace('pgq_coop'), 'pg_namespace'), '') not ilike '%tributary%' as foreign_coop,
    to_regrole(quote_ident(${role})) is not null as runtime_exists,
    not exists (select from pg_class where relnamespace = to_regnamespace('tributary'))
        and not exists (select from pg_proc where pronamespace = to_regnamespace('tributary')) as is_empty,
    ${strangersSql({ schemas: ['tributary', 'pgq_coop'], roles: rolesOf(user, admin?.user) })} as strangers`);
  const first = row as FirstRow;
  const strangers = first.strangers ?? [];
  const none = 'select null where false';
  // A view is code too: objects that strangers may have made are not read.
  const mayRead = strangers.length === 0;
  const [applied = [], identity = [], pools = [], retired = [], lacking = [], lanes = []] =
    await connection.script(
      [
        first.has_migrations && mayRead ? 'select version from tributary.migration order by version' : none,
        first.has_identity && mayRead ? 'select id::text, name from tributary.identity' : none,
        first.has_pools && mayRead ? 'select central_queue, file_wanted from tributary.worker_pool' : none,
        first.has_logbook && mayRead ? RETIRED_SQL : none,
        first.has_schema && first.runtime_exists ? lackingSql(role) : none,
        first.has_lanes && mayRead ? LANES : none,
      ].join(';\n'),
    );
  const owner = identity[0] as { id: string; name: string } | undefined;
  return {
    strangers,
    isUnmarked: first.has_schema && !first.is_empty && first.mark === null && owner === undefined,
    hasSchema: first.has_schema,
    ownsSchema: first.owns_schema,
    mark: first.mark ?? undefined,
    applied: applied.map((one) => Number(one.version)),
    identity: owner,
    hasForeignCoop: first.foreign_coop,
    runtimeMayUse: first.has_schema && first.runtime_exists && lacking.length === 0,
    pools: new Map(pools.map((one) => [String(one.central_queue), Number(one.file_wanted)])),
    retired: new Set(retired.map(({ queue }) => String(queue))),
    lanes: new Map(
      lanes.map(({ queue, group_name, lanes: count, key, pauses, fair, per_key: perKey }) => [
        lanesKey(String(queue), String(group_name)),
        {
          ...{ count: Number(count), key: key === null ? undefined : String(key) },
          ...{ pauses: pauses === true, isFair: fair === true },
          perKeyPerSecond: perKey === null ? undefined : Number(perKey),
        },
      ]),
    ),
  };
}

const LANES = `
select q.queue_name as queue, c.co_name as group_name,
    case when s.mark is null then s.lanes else s.next_lanes end as lanes,
    case when s.mark is null then s.key else s.next_key end as key, s.pauses,
    -- An earlier version does not have these.
    to_jsonb(s) -> 'fair' = 'true' as fair, (to_jsonb(s) ->> 'per_key')::float8 as per_key
from tributary.lane_set s
join pgq.queue q on q.queue_id = s.queue_id
join pgq.subscription m on m.sub_queue = s.queue_id and m.sub_id = s.sub_id and m.sub_batch is null and m.sub_last_tick is not null
join pgq.consumer c on c.co_id = m.sub_consumer`;

// From the catalogs: to_regclass raises an error where the schema may not be used.
const mayReadSql = (table: string): string => `exists (
        select from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = 'tributary' and c.relname = '${table}'
          and has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select'))`;

/** By the newest of their notes. */
const RETIRED_SQL = `
select queue from (
    select distinct on (queue) queue, kind from tributary.logbook cross join unnest(central_queues) queue
    where kind in ('queue-add', 'queue-retire') order by queue, id desc) newest
where kind = 'queue-retire'`;

// A case, because the planner chooses the order in which the arms of an `and` run.
const lackingSql = (role: string): string => `
select 'schema' where not has_schema_privilege(${role}, 'tributary', 'usage')
union all
select relname from pg_class
where relnamespace = 'tributary'::regnamespace
  and case relkind
        when 'S' then not has_sequence_privilege(${role}, oid, 'usage')
        when 'r' then not has_table_privilege(${role}, oid, 'insert')
        else false end
limit 1`;
