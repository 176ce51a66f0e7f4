// Whether a database is the shard that the file takes it for, by its own identity and by central's notes and positions: names
// stay in origins for ever, so a shard must not change its name by accident. Pure but for its questions to databases.

import { hasLeftSentence, knownAsSentence } from '../../central/known-shards.ts';
import { type RetiredSource, readRetired } from '../../central/succession/retired.ts';
import type { Config, Shard } from '../../config/config.ts';
import type { Connection } from '../../postgres/connection.ts';
import type { DatabaseFacts } from '../facts/database.ts';
import type { KnownSource, WantedSource } from '../facts/sources.ts';
import { whyNotAgain } from './retired-name.ts';
import { placeOfShard } from './shard-plan.ts';

/** The migration with which central began to note databases. */
export const SHARD_NOTES = 13;

/** A shard with sources in central. */
export interface KnownShard {
  readonly name: string;
  /** The identity of its database; undefined: not noted. */
  readonly database: string | undefined;
}

/** The position of a source: a database that has this tick is the source's. */
export interface PositionMark {
  readonly shard: string;
  readonly queue: string;
  readonly tick_id: number;
  readonly tick_time_us: number;
  readonly tick_event_seq: number;
  readonly tick_snapshot_md5: string;
}

/** A database that a shard was before it was moved to another server. */
interface LeftDatabase {
  readonly shard: string;
  readonly database: string;
}

/** Questions to central. */
export interface CentralNames {
  shards(): Promise<readonly KnownShard[]>;
  /** The positions of all sources on queues of these names. */
  marks(queues: readonly string[]): Promise<readonly PositionMark[]>;
  /** The last ends of sources of these shards. */
  ends(shards: readonly string[]): Promise<readonly RetiredSource[]>;
  /** Databases that these shards have left. */
  left(shards: readonly string[]): Promise<readonly LeftDatabase[]>;
}

/** @param hasNotes false: central was installed before databases were noted. @param hasEnds the same of ends of sources. */
export function namesIn(
  central: Connection,
  { hasNotes, hasEnds }: { readonly hasNotes: boolean; readonly hasEnds: boolean },
): CentralNames {
  return {
    shards: async () =>
      (
        await central.query<{ name: string; database: string | null }>(
          `select distinct s.shard as name, ${hasNotes ? 'k.database' : 'null as database'} from tributary.source s
           ${hasNotes ? 'left join tributary.shard k on k.name = s.shard' : ''} where s.state <> 'retired'`,
        )
      ).map(({ name, database }) => ({ name, database: database ?? undefined })),
    marks: (queues) =>
      central.query<PositionMark>(
        `select s.shard, s.queue, p.tick_id, p.tick_time_us, p.tick_event_seq, p.tick_snapshot_md5
         from tributary.source s
         cross join lateral (
             select o.* from tributary.position o where o.source = s.id order by o.n desc limit 1) p
         where s.queue = any ($1) and s.state <> 'retired'`,
        [queues],
      ),
    ends: async (names) => (hasEnds ? await readRetired(central, names) : []),
    left: async (names) =>
      hasEnds
        ? await central.query<LeftDatabase>(
            'select name as shard, unnest(left_databases) as database from tributary.shard where name = any ($1)',
            [names],
          )
        : [],
  };
}

interface Findings {
  readonly config: Config;
  readonly facts: DatabaseFacts;
  readonly wanted: readonly WantedSource[];
  readonly known: ReadonlyMap<string, Pick<KnownSource, 'state'>>;
  /** Our name on the shards. */
  readonly consumer: string;
  readonly names: CentralNames;
  /** Names of the shards one of whose positions is at a tick of this database. */
  ask(marks: readonly PositionMark[]): Promise<ReadonlySet<string>>;
}

/** @returns why the database is refused under this name; undefined: it is not. */
export async function whyNotThisShard(
  shard: Shard,
  { config, facts, wanted, known, consumer, names, ask }: Findings,
): Promise<string | undefined> {
  const place = placeOfShard(shard);
  const database = facts.server.databaseIdentity;
  if ((await names.left([shard.name])).some((one) => one.database === database))
    return hasLeftSentence(place, shard.name);
  const again = await whyNotAgain({
    ...{ place, shard, database, wanted, known },
    ends: await names.ends([shard.name]),
    hasTick: async (ends) => (await ask(ends.flatMap(markOf))).has(shard.name),
  });
  if (again !== undefined) return again;
  const shards = await names.shards();
  const own = shards.find(({ name }) => name === shard.name);
  const refusal = (knownAs: string) => refused(config, shard, knownAs);
  if (database !== undefined && own?.database !== database) {
    const other = shards.find((one) => one.name !== shard.name && one.database === database);
    if (other !== undefined) return refusal(other.name);
  }
  // Without a note, and where our consumer is registered without a source, ticks are compared.
  const unknown = wanted.filter(({ queue }) => {
    const state = known.get(queue)?.state;
    const isOurs = facts.queues.wanted.get(queue)?.consumers.has(consumer) === true;
    return isOurs && (state === undefined || state === 'retired');
  });
  const isMoved = own?.database !== undefined && database !== undefined && own.database !== database;
  const asked = isMoved ? wanted : unknown;
  if (asked.length === 0) return undefined;
  const marks = await names.marks(asked.map(({ queue }) => queue));
  const there = await ask(marks);
  if (isMoved) {
    const hasMarks = marks.some((mark) => mark.shard === shard.name);
    return hasMarks && !there.has(shard.name)
      ? `${place} is another database than the one that was moved as ${shard.name}: none of its ticks is there. Correct the URL; where it was restored from before those ticks, \`tributary repair\` shows the ways on.`
      : undefined;
  }
  // A shard of the file that is noted for another database goes on there: this one is a copy, and may begin where its entry says.
  const isElsewhere = ({ name, database: noted }: KnownShard) =>
    config.shards.some((one) => one.name === name) && noted !== undefined && database !== undefined;
  const candidates = shards.filter(({ name }) => name !== shard.name && there.has(name));
  const first = candidates.find((one) => !isElsewhere(one));
  if (first !== undefined) return refusal(first.name);
  const [copied] = candidates;
  if (copied === undefined || unknown.every(({ isOwnStart }) => isOwnStart)) return undefined;
  return `${place} has our consumer ${consumer} as a copy of shard ${copied.name}: say \`start: now\` or \`start: oldest\` in its entry of the file where it shall be a shard of its own.`;
}

function markOf({ shard, queue, tick }: RetiredSource): PositionMark[] {
  if (tick === undefined) return [];
  const { id, timeUs, eventSeq, md5 } = tick;
  return [
    { shard, queue, tick_id: id, tick_time_us: timeUs, tick_event_seq: eventSeq, tick_snapshot_md5: md5 },
  ];
}

/** Names of the shards one of whose positions is at a tick of this database. */
export async function shardsThere(
  connection: Connection,
  { schema }: Shard,
  marks: readonly PositionMark[],
): Promise<ReadonlySet<string>> {
  const rows = await connection.query<{ shard: string }>(
    `select distinct m.shard
     from jsonb_to_recordset($1) as m (shard text, queue text, tick_id bigint, tick_time_us bigint, tick_event_seq bigint,
         tick_snapshot_md5 text)
     join ${schema}.queue q on q.queue_name = m.queue
     join ${schema}.tick t on t.tick_queue = q.queue_id and t.tick_id = m.tick_id
     where (extract(epoch from t.tick_time) * 1000000)::bigint = m.tick_time_us and t.tick_event_seq = m.tick_event_seq
       and md5(t.tick_snapshot::text) = m.tick_snapshot_md5`,
    [JSON.stringify(marks)],
  );
  return new Set(rows.map((row) => row.shard));
}

function refused({ shards }: Config, shard: Shard, knownAs: string): string {
  const sentence = knownAsSentence(placeOfShard(shard), { knownAs, name: shard.name });
  const twin = shards.find((one) => one !== shard && one.database === shard.database);
  return twin === undefined || knownAs !== shard.database
    ? sentence
    : `${sentence} It lost its short name to ${twin.name}, whose database is called the same: a \`name:\` for that one gives it back.`;
}
