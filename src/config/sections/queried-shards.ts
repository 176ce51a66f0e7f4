// The rows of a query → shards, as the entries of the file are read. Pure.
//
// Invariant: a sentence about a row has nothing of its URL, which may hold a secret.
import type { Shard, ShardQuery } from '../config.ts';
import { expandUrl, parseUrl } from '../url/url.ts';
import { BadUrl } from '../url/url-parts.ts';
import { shorten, type TextPlace } from '../value.ts';
import { compact, toDatabase } from './database.ts';
import { machineOf } from './host.ts';
import { whyNoShardName } from './shard-name.ts';

/** A row as the database gave it. */
export type ShardRow = Readonly<Record<string, unknown>>;

export interface QueriedShards {
  readonly shards: readonly Shard[];
  /** A sentence for each row that is no shard. */
  readonly mistakes: readonly string[];
  /** The names of those rows, where they have one. */
  readonly refused: readonly string[];
}

const COLUMNS = ['name', 'url', 'host', 'schema'];

/** @param env where PGUSER and the like are looked up, for what a URL leaves open. */
export function shardsOfRows(
  query: ShardQuery,
  rows: readonly ShardRow[],
  env: NodeJS.ProcessEnv,
): QueriedShards {
  const shards: Shard[] = [];
  const mistakes: string[] = [];
  const refused: string[] = [];
  for (const row of rows) {
    const name = textOf(row.name);
    const sentences: string[] = [];
    const shard = shardOf(query, row, {
      name: `${query.place}, row ${name === undefined ? 'without a name' : `\`${shorten(name)}\``},`,
      source: { env, folder: query.folder },
      problem: (sentence) => void sentences.push(sentence),
      // Said of each row and at each asking it would be a flood.
      warn: () => {},
    });
    if (shard !== undefined && sentences.length === 0) shards.push(shard);
    else if (name !== undefined) refused.push(name);
    mistakes.push(...sentences);
  }
  return { shards, mistakes, refused };
}

/** Why the columns are not those of shards; undefined: they are. */
export function wrongColumns({ place }: ShardQuery, columns: readonly string[]): string | undefined {
  const missing = ['name', 'url'].filter((column) => !columns.includes(column));
  const strange = columns.filter((column) => !COLUMNS.includes(column));
  if (missing.length > 0)
    return `The query of ${place} gives no column ${missing.join(' and no column ')}: select name, url, and if you like host and schema.`;
  if (strange.length > 0)
    return `The query of ${place} gives a column ${strange[0]}, which means nothing here: select name, url, and if you like host and schema.`;
  return undefined;
}

function shardOf(query: ShardQuery, row: ShardRow, value: TextPlace): Shard | undefined {
  const name = textOf(row.name);
  const url = textOf(row.url);
  const said = textOf(row.schema) ?? query.own.schema ?? query.defaults.schema;
  const schema: Shard['schema'] = said === 'pgque' ? said : 'pgq';
  if (name === undefined) return value.problem(`${value.name} needs one: it is part of every origin.`);
  const wrong = whyNoShardName(name);
  if (wrong !== undefined)
    return value.problem(`${query.place}: the name \`${shorten(name)}\` of a row ${wrong}.`);
  if (url === undefined) return value.problem(`${value.name} has no url.`);
  if (said !== undefined && said !== schema)
    return value.problem(`${value.name} must have \`pgq\` or \`pgque\` as its schema.`);
  try {
    const [one, ...others] = expandUrl(url).map(parseUrl);
    if (one === undefined || others.length > 0)
      return value.problem(`${value.name} names ${others.length + 1} databases: a row is one.`);
    const { start, ...own } = query.own;
    const database = toDatabase(one, { own, defaults: query.defaults, value });
    if (database === undefined) return undefined;
    const moverHost = textOf(row.host) ?? own.host ?? query.defaults.host ?? machineOf(database);
    return compact({ ...database, name, moverHost, schema, start });
  } catch (error) {
    if (!(error instanceof BadUrl)) throw error;
    return value.problem(`${value.name} has a url that ${error.message}.`);
  }
}

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
