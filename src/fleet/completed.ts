// The file together with the shards of its queries: what is wanted now. Pure.
import type { Config, Shard, ShardQuery } from '../config/config.ts';
import { freeze } from '../config/load.ts';
import { loopOf, placeKey, placeKeys } from '../config/sections/place.ts';
import { type ShardRow, shardsOfRows } from '../config/sections/queried-shards.ts';
import { shorten } from '../config/value.ts';

export interface Completed {
  readonly config: Config;
  /** A sentence for each row that is left out. */
  readonly mistakes: readonly string[];
}

/** Two queries of one text that ask one database have the same rows. */
export const keyOf = ({ sql, on }: ShardQuery): string => `${on.displayUrl}\n${sql}`;

/** A row that is a shard, as far as the row itself tells. */
interface Candidate {
  readonly query: ShardQuery;
  readonly shard: Shard;
}

/**
 * Of two rows that cannot both count (one name, or one database) the one that counted before does, else neither: which of them is
 * meant is not guessed, and the order of rows tells nothing.
 * @param rows of each query that has answered, by `keyOf`.
 * @param before what was wanted until now: of a row that is wrong its shard stays as it was.
 */
export function completed(
  file: Config,
  rows: ReadonlyMap<string, readonly ShardRow[]>,
  { env, before }: { readonly env: NodeJS.ProcessEnv; readonly before?: Config },
): Completed {
  if (file.shardQueries.length === 0) return { config: file, mistakes: [] };
  const mistakes: string[] = [];
  const candidates: Candidate[] = [];
  const refused: string[] = [];
  for (const query of file.shardQueries) {
    const answer = rows.get(keyOf(query));
    if (answer === undefined) continue;
    const found = shardsOfRows(query, answer, env);
    mistakes.push(...found.mistakes);
    refused.push(...found.refused);
    candidates.push(...found.shards.map((shard) => ({ query, shard })));
  }
  const known = new Map(before?.shards.map((shard) => [shard.name, shard]));
  const isKnown = (shard: Shard) => {
    const was = known.get(shard.name);
    return was !== undefined && placeKey(was) === placeKey(shard);
  };
  const ofFile = new Rivals(file.shards);
  const ofRows = new Rivals(candidates.map(({ shard }) => shard));
  const shards = [...file.shards];
  for (const { query, shard } of candidates) {
    // A row that is there twice counts once.
    if (ofRows.isTwin(shard)) continue;
    const rival = ofFile.of(shard) ?? ofRows.of(shard, (other) => !isKnown(shard) || isKnown(other));
    const hindrance = sentence(shard, rival) ?? loopOf(shard, file);
    if (hindrance === undefined) shards.push(shard);
    else {
      mistakes.push(`${query.place}, row \`${shorten(shard.name)}\`: ${hindrance}`);
      refused.push(shard.name);
    }
  }
  const taken = new Rivals(shards);
  for (const name of new Set(refused)) {
    const was = known.get(name);
    if (was !== undefined && taken.of(was) === undefined && loopOf(was, file) === undefined) shards.push(was);
  }
  return { config: freeze({ ...file, shards }), mistakes: [...new Set(mistakes)] };
}

/** Finds shards that cannot be there beside another one. */
class Rivals {
  readonly #byKey = new Map<string, Shard[]>();
  /** Those that came later and are the same in everything. */
  readonly #twins = new Set<Shard>();

  constructor(shards: readonly Shard[]) {
    const seen = new Set<string>();
    for (const shard of shards) {
      const all = JSON.stringify(shard);
      if (seen.has(all)) this.#twins.add(shard);
      else for (const key of keysOf(shard)) this.#at(key).push(shard);
      seen.add(all);
    }
  }

  isTwin(shard: Shard): boolean {
    return this.#twins.has(shard);
  }

  /** Another shard of its name, or of its database, that counts. */
  of(shard: Shard, counts: (other: Shard) => boolean = () => true): Shard | undefined {
    for (const key of keysOf(shard)) {
      const rival = this.#byKey.get(key)?.find((other) => other !== shard && counts(other));
      if (rival !== undefined) return rival;
    }
    return undefined;
  }

  #at(key: string): Shard[] {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const fresh: Shard[] = [];
    this.#byKey.set(key, fresh);
    return fresh;
  }
}

const keysOf = (shard: Shard): string[] => [
  `name ${shard.name}`,
  ...placeKeys(shard).map((place) => `place ${place}`),
];

function sentence(shard: Shard, rival: Shard | undefined): string | undefined {
  if (rival === undefined) return undefined;
  return rival.name === shard.name
    ? 'there is another shard of this name: names are part of origins, so each needs its own.'
    : `the shard \`${shorten(rival.name)}\` is the same database, ${placeKey(shard)}: its events would arrive twice.`;
}
