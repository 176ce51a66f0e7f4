// Which database central has noted for each shard, and the names that shards had before.
import { shellWord } from '../errors/shell-word.ts';
import type { Connection } from '../postgres/connection.ts';

export interface Meeting {
  /** Another shard that is this database; undefined: none. */
  readonly knownAs: string | undefined;
  /** What was noted of the shard of that name; undefined: nothing. */
  readonly noted: string | undefined;
  /** The shard was moved away from this database. */
  readonly hasLeft: boolean;
}

/** @param database the identity that the database itself gives. */
export async function meetShard(central: Connection, shard: string, database: string): Promise<Meeting> {
  const [row] = await central.query<{ known_as: string | null; noted: string | null; has_left: boolean }>(
    'select known_as, noted, has_left from tributary.meet_shard($1, $2)',
    [shard, database],
  );
  return {
    knownAs: row?.known_as ?? undefined,
    noted: row?.noted ?? undefined,
    hasLeft: row?.has_left === true,
  };
}

/** Does nothing for a shard without sources. @returns whether another database had been noted, or none. */
export async function noteShard(central: Connection, shard: string, database: string): Promise<boolean> {
  const [row] = await central.query<{ is_new: boolean }>('select tributary.note_shard($1, $2) as is_new', [
    shard,
    database,
  ]);
  return row?.is_new === true;
}

/** Shards with sources, and how many each has. */
export async function knownShardNames(central: Connection): Promise<ReadonlyMap<string, number>> {
  const rows = await central.query<{ shard: string; sources: number }>(
    "select shard, count(*) as sources from tributary.source where state <> 'retired' group by 1",
  );
  return new Map(rows.map(({ shard, sources }) => [shard, sources]));
}

/** @returns the number of its sources. @throws what central says where a name is not known, or in use. */
export async function renameShard(central: Connection, from: string, to: string): Promise<number> {
  const [row] = await central.query<{ renamed: number }>('select tributary.rename_shard($1, $2) as renamed', [
    from,
    to,
  ]);
  return row?.renamed ?? 0;
}

/** Its name and those that it had before: origins in central begin with any of them. */
export async function namesOf(central: Connection, shard: string): Promise<string[]> {
  const [row] = await central.query<{ former_names: string[] }>(
    'select former_names from tributary.shard where name = $1',
    [shard],
  );
  return [...new Set([shard, ...(row?.former_names ?? [])])];
}

/** @returns of these names those that shards had before, each with the one that its shard has now. */
export async function formerNames(
  central: Connection,
  names: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const rows = await central.query<{ former: string; name: string }>(
    'select former, name from tributary.shard, unnest(former_names) former where former = any ($1)',
    [names],
  );
  return new Map(rows.map(({ former, name }) => [former, name]));
}

/** Why the database that a shard has left is refused. */
export const hasLeftSentence = (place: string, name: string): string =>
  `${place} is a database that shard ${name} has left for another server (\`shard move\`): change its URL in the file, on every host. To go back there, run \`tributary shard move ${shellWord(name)} --to URL\`.`;

/** Why a database is refused under a name, and the two ways on. */
export const knownAsSentence = (
  place: string,
  { knownAs, name }: { knownAs: string; name: string },
): string =>
  `${place} is the database that central knows as ${knownAs}, and the name in an origin is for ever: say \`name: ${knownAs}\` for it in the file, or run \`tributary shard rename ${shellWord(knownAs)} ${shellWord(name)}\`; where the file mixes up two databases, correct its URL.`;
