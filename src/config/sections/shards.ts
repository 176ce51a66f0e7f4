// `shards:` → every database in it, each under a name of its own, and the queries whose rows are shards.
import type { Access, Config, Database, Shard, ShardQuery } from '../config.ts';
import { shorten, type Value } from '../value.ts';
import { ACCESS_KEYS, compact, readAccess, readUrls, toDatabase } from './database.ts';
import { positive } from './handling.ts';
import { machineOf } from './host.ts';
import { placeKey, placeKeys } from './place.ts';
import { readStart } from './queues.ts';
import { whyNoShardName } from './shard-name.ts';

interface Entry {
  readonly value: Value;
  readonly database: Database;
  readonly givenName: string | undefined;
  readonly moverHost: string;
  readonly schema: Shard['schema'];
  readonly start: Shard['start'] | undefined;
}

const KEYS = ['url', 'name', 'host', 'schema', 'start', ...ACCESS_KEYS];
const QUERY_KEYS = ['query', 'on', 'every'];
const EVERY_MS = 30_000;

interface Around {
  readonly defaults: Access;
  /** Undefined where it was a mistake. */
  readonly central: Database | undefined;
}

export function readShards(
  value: Value,
  { defaults, central }: Around,
): Pick<Config, 'shards' | 'shardQueries'> {
  const items = value.list();
  if (items === undefined || items.length === 0) {
    value.problem(
      '`shards` must be a list of URLs or maps, one for each database: `- postgresql://db{01..16}/app_{00..15}`.',
    );
    return { shards: [], shardQueries: [] };
  }
  const queries = items.filter((item) => item.hasKey('query'));
  const entries = items
    .filter((item) => !queries.includes(item))
    .flatMap((item) => readEntry(item, defaults));
  reportTwins(entries);
  return {
    shards: named(entries),
    shardQueries: queries.flatMap((item) => readQuery(item, { defaults, central })),
  };
}

/** `{ query: "select name, url, host from …", on: central, every: 30s }`, with what counts for all its shards. */
function readQuery(value: Value, { defaults, central }: Around): ShardQuery[] {
  const keys = KEYS.filter((key) => key !== 'url' && key !== 'name');
  const section = value.section([...QUERY_KEYS, ...keys]);
  if (section === undefined) return [];
  const sql = section.get('query')?.text('a query, such as `select name, url from tenants`');
  const onValue = section.get('on');
  const on =
    onValue === undefined || onValue.scalar('`central` or a URL')?.text === 'central'
      ? central
      : readOther(onValue, defaults);
  const everyMs = positive(section.get('every')) ?? EVERY_MS;
  const own = compact({ ...readAccess(section), start: readStart(section.get('start')) });
  if (sql === undefined || on === undefined) return [];
  const query = sql.trim().replace(/;$/, '');
  return [{ place: value.name, sql: query, on, everyMs, own, defaults, folder: value.source.folder }];
}

function readOther(value: Value, defaults: Access): Database | undefined {
  const [url, ...others] = readUrls(value);
  if (others.length > 0)
    return value.problem(
      `${value.name} names ${others.length + 1} databases, and one is asked: name that one.`,
    );
  return url === undefined ? undefined : toDatabase(url, { own: {}, defaults, value });
}

function readEntry(value: Value, defaults: Access): Entry[] {
  const section = value.isMap ? value.section(KEYS) : undefined;
  const urlValue =
    section === undefined ? value : section.require('url', '`url: postgresql://host/database`');
  const own = section === undefined ? {} : readAccess(section);
  const urls = urlValue === undefined ? [] : readUrls(urlValue);
  const nameValue = section?.get('name');
  const givenName = nameValue?.text('a name');
  const start = readStart(section?.get('start'));
  if (nameValue !== undefined && givenName !== undefined) {
    if (urls.length > 1) {
      nameValue.problem(
        `${nameValue.name} is one name for ${urls.length} databases: remove it, and each is named after its database.`,
      );
    } else {
      const wrong = whyNoShardName(givenName);
      if (wrong !== undefined) nameValue.problem(`${nameValue.name} ${wrong}.`);
    }
  }
  return urls.flatMap((url) => {
    const database = toDatabase(url, { own, defaults, value });
    if (database === undefined) return [];
    return {
      value: nameValue ?? value,
      database,
      givenName: urls.length === 1 ? givenName : undefined,
      moverHost: own.host ?? defaults.host ?? machineOf(database),
      schema: own.schema ?? defaults.schema ?? 'pgq',
      start,
    };
  });
}

function reportTwins(entries: readonly Entry[]): void {
  const databases = new Map<string, Entry>();
  for (const entry of entries) {
    const keys = placeKeys(entry.database);
    const key = keys.find((one) => databases.has(one));
    const first = key === undefined ? undefined : databases.get(key);
    if (first === undefined) for (const one of keys) databases.set(one, entry);
    else {
      entry.value.problem(
        `The database ${key} is here a second time, first in line ${first.value.line}: its events would arrive twice, so remove one.`,
      );
    }
  }
}

/**
 * `name:`, else the database's name, else `host/database`, else `host/port/database`: the first that no other shard has.
 */
function named(entries: readonly Entry[]): Shard[] {
  const candidates = entries.map(({ givenName, database: { host, port, database } }) =>
    givenName === undefined ? [database, `${host}/${database}`, `${host}/${port}/${database}`] : [givenName],
  );
  const level = candidates.map(() => 0);
  const nameOf = (at: number) => candidates[at]?.[level[at] ?? 0] ?? '';
  for (let round = 0; round < 2; round += 1) {
    const counts = countBy(entries.map((_entry, at) => nameOf(at)));
    for (const at of entries.keys()) {
      if ((counts.get(nameOf(at)) ?? 0) > 1 && (level[at] ?? 0) + 1 < (candidates[at]?.length ?? 0)) {
        level[at] = (level[at] ?? 0) + 1;
      }
    }
  }
  const owners = new Map<string, Entry>();
  return entries.map((entry, at) => {
    const name = nameOf(at);
    const first = owners.get(name);
    owners.set(name, entry);
    if (first !== undefined && placeKey(first.database) !== placeKey(entry.database)) {
      entry.value.problem(
        `Two shards are called \`${name}\`, first in line ${first.value.line}: give one of them another \`name\`.`,
      );
    }
    const wrong = entry.givenName === undefined ? whyNoShardName(name) : undefined;
    if (wrong !== undefined)
      entry.value.problem(`The name of the shard \`${shorten(name)}\` ${wrong}: give it a \`name\`.`);
    const { value: _value, givenName: _givenName, database, ...rest } = entry;
    return compact({ ...database, name, ...rest });
  });
}

function countBy(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}
