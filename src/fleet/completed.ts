// The file together with the shards of its queries: what is wanted now. Pure.
import type { Config, Shard, ShardQuery } from '../config/config.ts';
import { freeze } from '../config/load.ts';
import { loopOf, placeKey } from '../config/sections/place.ts';
import { type ShardRow, shardsOfRows } from '../config/sections/queried-shards.ts';

export interface Completed {
  readonly config: Config;
  /** A sentence for each row that is left out. */
  readonly mistakes: readonly string[];
}

/** Two queries of one text that ask one database have the same rows. */
export const keyOf = ({ sql, on }: ShardQuery): string => `${on.displayUrl}\n${sql}`;

/**
 * @param rows of each query that has answered, by `keyOf`.
 * @param before what was wanted until now: of a row that is wrong its shard stays as it was.
 */
export function completed(
  file: Config,
  rows: ReadonlyMap<string, readonly ShardRow[]>,
  { env, before }: { readonly env: NodeJS.ProcessEnv; readonly before?: Config },
): Completed {
  if (file.shardQueries.length === 0) return { config: file, mistakes: [] };
  const shards = [...file.shards];
  const mistakes: string[] = [];
  for (const query of file.shardQueries) {
    const answer = rows.get(keyOf(query));
    if (answer === undefined) continue;
    const found = shardsOfRows(query, answer, env);
    mistakes.push(...found.mistakes);
    for (const shard of found.shards) {
      const hindrance = hindranceOf(shard, shards, file);
      if (hindrance === undefined) shards.push(shard);
      else mistakes.push(`${query.place}, row \`${shard.name}\`: ${hindrance}`);
    }
    for (const name of found.refused) {
      const known = before?.shards.find((shard) => shard.name === name);
      if (known !== undefined && hindranceOf(known, shards, file) === undefined) shards.push(known);
    }
  }
  return { config: freeze({ ...file, shards }), mistakes };
}

function hindranceOf(shard: Shard, others: readonly Shard[], file: Config): string | undefined {
  const place = placeKey(shard);
  for (const other of others) {
    if (other.name === shard.name)
      return `there is another shard of this name: names are part of origins, so each needs its own.`;
    if (placeKey(other) === place)
      return `the shard \`${other.name}\` is the same database, ${place}: its events would arrive twice.`;
  }
  return loopOf(shard, file);
}
