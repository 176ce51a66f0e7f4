// Reads the facts of one database, in two messages and without a write; install, check and plan judge them.

import type { Database } from '../../config/config.ts';
import type { Connection } from '../../postgres/connection.ts';
import { literal } from '../../postgres/quote.ts';
import { type Dialect, dialectOf, snapshotTypeSql } from '../../queue/dialect.ts';
import { adminRoleOf, ENGINE_MARK, type PgqSchema } from '../../queue/provider.ts';
import { identityOf } from '../../shards/identity.ts';
import { validMarkSql } from './engine-state.ts';
import { type QueueFacts, readQueueFacts } from './queues.ts';
import { rolesOf, strangersSql } from './strangers.ts';

export interface ServerFacts {
  readonly version: string;
  readonly versionNumber: number;
  readonly inRecovery: boolean;
  /** Our transactions there may not write, though the server could. */
  readonly isReadOnly: boolean;
  readonly isolation: string;
  /** The name inside the server, which a pooler may hide behind another. */
  readonly database: string;
  /** Equal for two ways to the same database, different for two databases. */
  readonly identity: string;
  readonly cluster: string;
  /** The database's own identity, the same over every way to it; undefined: the server does not tell. */
  readonly databaseIdentity: string | undefined;
  /** The role that asked. */
  readonly role: string;
  readonly isSuperuser: boolean;
  /** Inherits the admin role of PgQ. */
  readonly isPgqAdmin: boolean;
  /** Inherits PgQ's role for looking at queues. */
  readonly isPgqReader: boolean;
  readonly mayCreateRole: boolean;
  readonly mayCreateSchema: boolean;
  /** How far the server's clock is ahead of ours, in ms, give or take half the round trip. */
  readonly clockAheadMs: number;
}

export interface PgqFacts {
  /** Version of the extension `pgq`, where it is created. */
  readonly extension: string | undefined;
  /** Its version where the server could create it. */
  readonly offered: string | undefined;
  readonly hasPgq: boolean;
  readonly hasPgque: boolean;
  /** The answer of `version()` in the schema that we use; undefined also where an engine in plain SQL has none. */
  readonly version: string | undefined;
  readonly isOurEngine: boolean;
  readonly dialect: Dialect;
  /** The role whose members may tick, register and rotate. */
  readonly adminRole: string;
  /** The role whose members may look. */
  readonly readerRole: string;
  /** The mark of an install on `version()`, see postgres/sql-files.ts. */
  readonly mark: string | undefined;
  readonly ownsSchema: boolean;
  /** Sequences that a restore left behind their tables: new queues and consumers would get numbers that are taken. */
  readonly sequencesBehind: readonly string[];
}

export interface RuntimeRoleFacts {
  readonly name: string;
  readonly exists: boolean;
  /** A member of the admin role of PgQ, or a superuser. */
  readonly isPgqAdmin: boolean;
  readonly hasPgqAdminRole: boolean;
  /** Whether the role that asked may make it a member. */
  readonly mayBeGranted: boolean;
  readonly mayConnect: boolean;
  /** Sees the queries and long transactions of others, which `doctor` names; a superuser does. */
  readonly maySeeStats: boolean;
  /** Whether the role that asked may grant that. */
  readonly statsMayBeGranted: boolean;
}

export interface DatabaseFacts {
  /** Objects of PgQ's schema that strangers own or may change, see strangers.ts. */
  readonly strangers: readonly string[];
  readonly server: ServerFacts;
  readonly pgq: PgqFacts;
  readonly runtime: RuntimeRoleFacts;
  readonly queues: QueueFacts;
}

export interface FactsOptions {
  readonly schema: PgqSchema;
  /** The queues to look at closely. */
  readonly queues: readonly string[];
  readonly runtimeRole: string;
  /** The role that installs, where the file names one. */
  readonly adminRole?: string | undefined;
}

interface FirstRow {
  version: string;
  version_number: number;
  in_recovery: boolean;
  read_only: boolean;
  isolation: string;
  database: string;
  database_oid: number;
  address: string;
  role: string;
  is_superuser: boolean;
  may_create_role: boolean;
  may_create_schema: boolean;
  may_read_control: boolean;
  is_reader: boolean;
  now_ms: number;
  extension: string | null;
  offered: string | null;
  has_pgq: boolean;
  has_pgque: boolean;
  snapshot_type: string | null;
  may_ask_version: boolean;
  mark: string | null;
  owns_schema: boolean;
  runtime_exists: boolean;
  has_pgq_admin: boolean;
  may_connect: boolean;
  strangers: string[] | null;
}

const firstSql = ({ schema, runtimeRole, adminRole }: FactsOptions): string => `
select current_setting('server_version') as version, current_setting('server_version_num')::int as version_number,
    pg_is_in_recovery() as in_recovery, current_setting('default_transaction_read_only')::boolean as read_only, current_setting('default_transaction_isolation') as isolation,
    current_database() as database, d.oid::bigint as database_oid,
    coalesce(host(inet_server_addr()) || ':' || inet_server_port(), 'local') as address,
    current_user as role, r.rolsuper as is_superuser, r.rolcreaterole as may_create_role,
    has_database_privilege(d.oid, 'create') as may_create_schema,
    has_function_privilege('pg_catalog.pg_control_system()', 'execute') as may_read_control,
    coalesce(pg_has_role(to_regrole('${schema}_reader'), 'usage'), false) as is_reader,
    (extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms,
    (select extversion from pg_extension where extname = 'pgq') as extension,
    (select default_version from pg_available_extensions where name = 'pgq') as offered,
    to_regnamespace('pgq') is not null as has_pgq, to_regnamespace('pgque') is not null as has_pgque,
    ${snapshotTypeSql(schema)} as snapshot_type,
    coalesce(has_function_privilege(to_regprocedure('${schema}.version()'), 'execute'), false) as may_ask_version,
    ${validMarkSql(`obj_description(to_regprocedure('${schema}.version()'), 'pg_proc')`)} as mark,
    coalesce((select pg_has_role(nspowner, 'usage') from pg_namespace where nspname = '${schema}'), false) as owns_schema,
    to_regrole(quote_ident(${literal(runtimeRole)})) is not null as runtime_exists,
    to_regrole('${adminRoleOf(schema)}') is not null as has_pgq_admin,
    coalesce(has_database_privilege(to_regrole(quote_ident(${literal(runtimeRole)})), d.oid, 'connect'), false) as may_connect,
    ${strangersSql({ schemas: [schema], roles: rolesOf(runtimeRole, adminRole) })} as strangers
from pg_database d, pg_roles r
where d.datname = current_database() and r.rolname = current_user`;

/** Reads all facts. @throws what the driver throws; the connection is still usable after an SQL error. */
export async function readFacts(connection: Connection, options: FactsOptions): Promise<DatabaseFacts> {
  const { schema, runtimeRole } = options;
  const askedMs = Date.now();
  const [rows] = await connection.script(firstSql(options));
  const answeredMs = Date.now();
  const first = rows?.[0] as unknown as FirstRow;
  const dialect = dialectOf(first.snapshot_type);
  // Objects that strangers may have made are neither called nor read: a view is code too.
  const mayLook = first.strangers === null && (schema === 'pgq' ? first.has_pgq : first.has_pgque);

  const pieces = [
    first.may_read_control
      ? 'select system_identifier::text as cluster from pg_catalog.pg_control_system()'
      : 'select null as cluster',
    first.has_pgq_admin
      ? membershipSql(first.runtime_exists ? runtimeRole : first.role, adminRoleOf(schema))
      : 'select null',
    mayLook && first.may_ask_version ? `select ${schema}.version() as version` : 'select null as version',
    mayLook ? sequencesSql(schema) : 'select null where false',
    first.runtime_exists ? statsSql(runtimeRole) : 'select null where false',
  ];
  const [control, membership, version, sequences, stats] = await connection.script(pieces.join(';\n'));
  const member = membership?.[0] as Partial<Membership> | undefined;
  const versionText = (version?.[0]?.version as string | null) ?? undefined;
  const system = control?.[0]?.cluster;
  const cluster = typeof system === 'string' ? system : first.address;

  return {
    strangers: first.strangers ?? [],
    server: {
      version: first.version.split(' ')[0] ?? first.version,
      versionNumber: first.version_number,
      inRecovery: first.in_recovery,
      isReadOnly: first.read_only,
      isolation: first.isolation,
      database: first.database,
      identity: `${cluster}/${first.database_oid}`,
      cluster,
      databaseIdentity: typeof system === 'string' ? identityOf(system, first.database_oid) : undefined,
      role: first.role,
      isSuperuser: first.is_superuser,
      isPgqAdmin: member?.asker_is_member === true,
      isPgqReader: first.is_reader,
      mayCreateRole: first.may_create_role,
      mayCreateSchema: first.may_create_schema,
      clockAheadMs: Math.round(first.now_ms - (askedMs + answeredMs) / 2),
    },
    pgq: {
      extension: first.extension ?? undefined,
      offered: first.offered ?? undefined,
      hasPgq: first.has_pgq,
      hasPgque: first.has_pgque,
      version: versionText,
      isOurEngine: first.extension === null && versionText?.includes(ENGINE_MARK) === true,
      dialect,
      adminRole: adminRoleOf(schema),
      readerRole: `${schema}_reader`,
      mark: first.mark ?? undefined,
      ownsSchema: first.owns_schema,
      sequencesBehind: (sequences ?? []).map((row) => String(row.sequence)),
    },
    runtime: {
      name: runtimeRole,
      exists: first.runtime_exists,
      isPgqAdmin: first.runtime_exists && (member?.is_member === true || member?.is_super === true),
      hasPgqAdminRole: first.has_pgq_admin,
      mayBeGranted:
        first.is_superuser ||
        member?.is_grantor === true ||
        (first.may_create_role && first.version_number < 160000),
      mayConnect: first.may_connect,
      maySeeStats: stats?.[0]?.may_see === true,
      statsMayBeGranted: first.is_superuser || stats?.[0]?.may_grant === true,
    },
    queues: mayLook
      ? await readQueueFacts(connection, { ...options, dialect })
      : { all: [], wanted: new Map() },
  };
}

/** How a pooled or renamed database is named in sentences. */
export const placeOf = (database: Database): string =>
  `${database.host}:${database.port}/${database.database}`;

interface Membership {
  is_member: boolean;
  is_super: boolean;
  asker_is_member: boolean;
  is_grantor: boolean;
}

const membershipSql = (role: string, admin: string): string => `
select pg_has_role(${literal(role)}, '${admin}', 'usage') as is_member,
    pg_has_role(current_user, '${admin}', 'usage') as asker_is_member,
    (select rolsuper from pg_roles where rolname = ${literal(role)}) as is_super,
    pg_has_role(current_user, '${admin}', 'member with admin option') as is_grantor`;

const statsSql = (role: string): string => `
select pg_has_role(${literal(role)}, 'pg_read_all_stats', 'usage') as may_see,
    pg_has_role(current_user, 'pg_read_all_stats', 'member with admin option') as may_grant`;

// A dump restores tables and not the three serial sequences of the extension; the next numbers are then taken already.
const sequencesSql = (schema: PgqSchema): string => `
select s.sequence
from (values ('queue_queue_id_seq', (select max(queue_id) from ${schema}.queue)),
        ('consumer_co_id_seq', (select max(co_id) from ${schema}.consumer)),
        ('subscription_sub_id_seq', (select max(sub_id) from ${schema}.subscription))) s (sequence, newest)
where to_regclass('${schema}.' || s.sequence) is not null and s.newest is not null
  and case when has_sequence_privilege('${schema}.' || s.sequence, 'select, usage')
        then coalesce(pg_sequence_last_value(('${schema}.' || s.sequence)::regclass), 0) < s.newest else false end`;
