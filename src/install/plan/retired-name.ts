// Whether a name in the file is that of a source that was retired: its origins are in central for ever, so no other database may
// have it, and the same one begins anew only where its entry says so. Pure but for its question to the shard.
import type { RetiredSource } from '../../central/succession/retired.ts';
import type { Shard } from '../../config/config.ts';
import type { KnownSource, WantedSource } from '../facts/sources.ts';

/** The migration with which central began to keep ends of sources. */
export const RETIRED_SOURCES = 35;

export interface RetiredName {
  /** How the shard is named in sentences. */
  readonly place: string;
  readonly shard: Pick<Shard, 'name' | 'start'>;
  /** The identity of the database that the file leads to; undefined: the server does not tell. */
  readonly database: string | undefined;
  readonly wanted: readonly Pick<WantedSource, 'queue'>[];
  readonly known: ReadonlyMap<string, Pick<KnownSource, 'state'>>;
  /** The last end of each source of that name. */
  readonly ends: readonly RetiredSource[];
  /** Whether one of these ticks is there. */
  hasTick(ends: readonly RetiredSource[]): Promise<boolean>;
}

/** @returns why it is refused; undefined: it is not. */
export async function whyNotAgain({
  place,
  shard,
  database,
  wanted,
  known,
  ends,
  hasTick,
}: RetiredName): Promise<string | undefined> {
  const isLive = (queue: string) => !['retired', undefined].includes(known.get(queue)?.state);
  const meant = ends.filter(({ queue }) => !isLive(queue) && wanted.some((source) => source.queue === queue));
  const [first] = meant;
  if (first === undefined) return undefined;
  const hasLive = [...known.keys()].some(isLive);
  const isSame =
    hasLive ||
    meant.some((end) => end.database !== undefined && end.database === database) ||
    (await hasTick(meant));
  const when = `was retired at ${first.at} by ${first.by}`;
  if (!isSame)
    return `${place} is another database than the one that ${when} under this name, and the name in an origin is for ever: say another \`name:\` for it in the file.`;
  if (shard.start !== undefined) return undefined;
  return hasLive
    ? `${place}: queue ${first.queue} ${when}: take it out of \`queues:\` in the file; to begin it anew, run \`tributary queue add ${first.centralQueue} --start now\`.`
    : `${place} ${when}${first.successors.length === 0 ? '' : `, and ${first.successors.join(' and ')} took its place`}: take it out of the file; to begin it anew, say \`start: now\` in its entry.`;
}
