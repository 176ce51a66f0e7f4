// What sessions, prepared transactions, slots and standbys hold back on the servers, and what runs out there. One session is
// one diagnosis, however many shards its server has. Pure.
import { sentenceAge } from '../../errors/age.ts';
import { counted } from '../../errors/words.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { diagnosis } from './causes.ts';
import type { Diagnosis } from './diagnosis.ts';
import type { DatabaseHealth, SessionFacts } from './facts.ts';
import { bytesText } from './judge-rotation.ts';

/** Databases of one server. */
export interface ServerHealth {
  readonly server: string;
  readonly databases: readonly DatabaseHealth[];
  /** Queues there that could rotate but for a transaction that is older than their last rotation, as `shard:queue`. */
  readonly held: readonly string[];
}

export function sessionDiagnoses({ server, databases, held }: ServerHealth): Diagnosis[] {
  const names = databases.map(({ name }) => name);
  const holds = held.length === 0 ? [] : [`holds back the rotation of ${someOf(held)}`];
  const longSeconds =
    held.length === 0 ? TIMING.doctor.longTransactionSeconds : TIMING.doctor.transactionSeconds;
  const isLong = ({ ageSeconds }: { readonly ageSeconds: number }) => ageSeconds >= longSeconds;
  const holders = unique(
    databases,
    ({ sessions }) => sessions.holders.filter(isLong),
    ({ pid }) => pid,
  );
  const prepared = unique(
    databases,
    ({ sessions }) => sessions.prepared.filter(isLong),
    ({ gid }) => gid,
  );
  return [
    ...holders.map(({ item, of }) =>
      diagnosis('long-transaction', item.writes ? names : of, {
        severity: 'risk',
        sentence: `A transaction on ${server} has been open for ${sentenceAge(item.ageSeconds)}: ${sessionText(item)}.`,
        evidence: [...activityOf(item), ...(item.writes ? holds : ['keeps dead rows of its database'])],
        command: psql(server, item.database, `select pg_terminate_backend(${item.pid})`),
      }),
    ),
    ...prepared.map(({ item }) =>
      diagnosis('prepared-transaction', names, {
        severity: 'risk',
        sentence: `A prepared transaction on ${server} has been open for ${sentenceAge(item.ageSeconds)}: ${item.gid}, of ${item.owner} in database ${item.database}.`,
        evidence: holds,
        command: psql(server, item.database, `rollback prepared '${item.gid.replaceAll("'", "''")}'`),
      }),
    ),
    ...slotDiagnoses({ server, databases }, names),
    ...lockDiagnoses(databases),
    ...connectionDiagnoses({ server, databases }, names),
  ];
}

type OfServer = Pick<ServerHealth, 'server' | 'databases'>;

function slotDiagnoses({ server, databases }: OfServer, names: readonly string[]): Diagnosis[] {
  const [first] = databases;
  const holds = (transactions: number | null) => (transactions ?? 0) >= TIMING.doctor.heldTransactions;
  const slots = (first?.sessions.slots ?? []).filter(
    ({ isActive, transactions, walBytes }) =>
      holds(transactions) || (!isActive && (walBytes ?? 0) >= TIMING.doctor.slotBytes),
  );
  const standbys = (first?.sessions.standbys ?? []).filter(({ transactions }) => holds(transactions));
  const old = (transactions: number | null) =>
    transactions === null ? [] : [`holds what is ${counted(transactions, 'transaction')} old`];
  return [
    ...slots.map(({ name, type, isActive, transactions, walBytes }) =>
      diagnosis('replication-slot', names, {
        severity: 'risk',
        sentence: `Replication slot ${name} on ${server} (${type}, ${isActive ? 'in use' : 'used by nobody'}) keeps old rows or WAL.`,
        evidence: [
          ...old(transactions),
          ...(walBytes === null ? [] : [`${bytesText(walBytes)} of WAL kept`]),
        ],
        command: psql(server, undefined, `select * from pg_replication_slots where slot_name = '${name}'`),
      }),
    ),
    ...standbys.map(({ application, client, transactions }) =>
      diagnosis('standby-feedback', names, {
        severity: 'risk',
        sentence: `A standby of ${server} (${application}${client === null ? '' : ` at ${client}`}) keeps old rows on it by hot_standby_feedback.`,
        evidence: old(transactions),
        command: psql(server, undefined, 'select * from pg_stat_replication'),
      }),
    ),
  ];
}

/** Sessions that ours wait for, and those that hold a table of ours for long: each once. */
function lockDiagnoses(databases: readonly DatabaseHealth[]): Diagnosis[] {
  return databases.flatMap(({ name, server, sessions }) => {
    const place = name === 'central' ? 'central' : `shard ${name}`;
    const waiting = sessions.blocked.filter(
      ({ database, by }) => database === sessions.database && by !== null,
    );
    const byHolder = new Map(waiting.map((one) => [one.by?.pid, one]));
    const told = (holder: SessionFacts, sentence: string) =>
      diagnosis('lock-held', [name], {
        severity: 'broken',
        sentence: `${sentence}: ${sessionText(holder)}.`,
        evidence: [
          `its transaction is open for ${sentenceAge(holder.ageSeconds)}`,
          ...activityOf(holder),
          ...(waiting.length > 1 ? [`${counted(waiting.length, 'session')} of ours wait`] : []),
        ],
        command: psql(server, holder.database, `select pg_terminate_backend(${holder.pid})`),
      });
    return [
      ...[...byHolder.values()].map(({ application, ageSeconds, by }) =>
        told(
          by as SessionFacts,
          `\`${application}\` has waited for ${sentenceAge(ageSeconds)} for a lock in ${place}, which another session holds`,
        ),
      ),
      ...sessions.lockers
        .filter(({ pid }) => !byHolder.has(pid))
        .map((one) =>
          told(one, `A session has locked ${one.relation} in ${place}, so that others cannot write to it`),
        ),
    ];
  });
}

/** Of what roles like ours may have. */
const NEARLY_ALL = 0.9;

function connectionDiagnoses({ server, databases }: OfServer, names: readonly string[]): Diagnosis[] {
  const most = databases.reduce((top, { sessions }) => Math.max(top, sessions.used), 0);
  const usable = databases[0]?.sessions.usable ?? 0;
  if (usable <= 0 || most < usable * NEARLY_ALL) return [];
  return [
    diagnosis('connections-near', names, {
      severity: 'risk',
      sentence: `${most} of the ${usable} connections of ${server} are in use.`,
      command: psql(
        server,
        undefined,
        'select usename, application_name, state, count(*) from pg_stat_activity group by 1, 2, 3 order by 4 desc',
      ),
    }),
  ];
}

/** `pid 4711, user app, application nightly, from 10.0.0.3, database app_017` */
function sessionText({ pid, user, application, client, database }: SessionFacts): string {
  return [
    `pid ${pid}`,
    user === null ? '' : `user ${user}`,
    application === null || application === '' ? '' : `application ${application}`,
    client === null ? '' : `from ${client}`,
    database === null ? '' : `database ${database}`,
  ]
    .filter((one) => one !== '')
    .join(', ');
}

function activityOf({ state, queryAgeSeconds, query }: SessionFacts): string[] {
  const since =
    queryAgeSeconds === null ? '' : `, its last statement began ${sentenceAge(queryAgeSeconds)} ago`;
  const text = withoutValues(query ?? '');
  return [`${state ?? 'state not known'}${since}${text === '' ? '' : `: ${text}`}`];
}

const LONGEST_QUERY = 60;

/** The beginning of a statement on one line; its literals may be data of users. */
function withoutValues(query: string): string {
  const bare = query
    .replace(/\$(\w*)\$[\s\S]*?(?:\$\1\$|$)/g, '…')
    .replace(/'(?:[^']|'')*(?:'|$)/g, '…')
    .replace(/\b\d+(?:\.\d+)?\b/g, '…')
    .replace(/\s+/g, ' ')
    .trim();
  return bare.length > LONGEST_QUERY ? `${bare.slice(0, LONGEST_QUERY - 1)}…` : bare;
}

/** A command that asks the server; the rest of the address comes from the environment of whoever runs it. */
function psql(server: string, database: string | null | undefined, sql: string): string {
  const [, host = server, port = '5432'] = /^(.*):(\d+)$/.exec(server) ?? [];
  return `psql -h ${host} -p ${port} -d ${database ?? 'postgres'} -c "${sql.replaceAll('"', '\\"')}"`;
}

const MOST_NAMED = 3;

/** `s1:orders, s2:orders and 14 more` */
function someOf(names: readonly string[]): string {
  const more = names.length - MOST_NAMED;
  return more > 0 ? `${names.slice(0, MOST_NAMED).join(', ')} and ${more} more` : names.join(', ');
}

/** What several databases of a server said, once, with the names of those in whose database it is. */
function unique<T extends object>(
  databases: readonly DatabaseHealth[],
  itemsOf: (database: DatabaseHealth) => readonly T[],
  keyOf: (item: T) => unknown,
): { readonly item: T; readonly of: readonly string[] }[] {
  const found = new Map<unknown, { item: T; of: string[] }>();
  for (const database of databases) {
    for (const item of itemsOf(database)) {
      const one = found.get(keyOf(item)) ?? { item, of: [] };
      // Only sessions say in which database they are.
      const isHere =
        !('writes' in item && 'database' in item) || item.database === database.sessions.database;
      found.set(keyOf(item), { ...one, of: isHere ? [...one.of, database.name] : one.of });
    }
  }
  // In a database that is none of ours it holds back nothing of ours, unless it writes.
  return [...found.values()].filter(
    ({ item, of }) => of.length > 0 || ('writes' in item && item.writes === true),
  );
}
