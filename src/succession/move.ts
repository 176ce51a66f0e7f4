// Moves a shard to another server with the same data: fingerprints of ticks decide, nothing is guessed.
//
// Invariant: central goes on behind a tick that the new database has with the same fingerprint, and everything that the old one has
// behind it is on the new one as well; or, where the old one is gone, central has moved everything up to that tick.
// Order: the new database looked at; writers of the old one locked out and both compared; one commit on central, after which every
// mover refuses the old one; then what is missing on the new one is installed.

import type { CentralLink } from '../central/central-link.ts';
import { knownAsSentence, meetShard } from '../central/known-shards.ts';
import type { Operator } from '../central/logbook/note.ts';
import type { StoredSource } from '../central/positions.ts';
import { type MovedSource, moveShard, readSameTicks } from '../central/succession/move-shard.ts';
import type { Config } from '../config/config.ts';
import { shellWord } from '../errors/shell-word.ts';
import { sqlstateOf } from '../errors/sqlstate.ts';
import { counted } from '../errors/words.ts';
import { install } from '../install/install.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { hiddenEvents } from '../mover/shard/meet-shard.ts';
import { fewerXids, missingXidsSql } from '../queue/ahead.ts';
import {
  countEvents,
  type EventMark,
  eventsBehind,
  lockOutWriters,
  MOST_COUNTED,
  newestTicks,
} from '../shards/end-of-queue.ts';
import { readDatabaseIdentity } from '../shards/identity.ts';
import { readingsOf } from '../shards/window.ts';
import { whyNotEnded } from './drain.ts';
import { whyNotThere } from './servers.ts';
import { refusal, type ShardSide, seen, sourcesNow } from './side.ts';
import { commonTick } from './ticks.ts';

export interface MoveRequest {
  readonly config: Config;
  readonly link: CentralLink;
  /** Undefined: it is gone. */
  readonly from: ShardSide | undefined;
  readonly to: ShardSide;
}

export interface FoundMove {
  readonly request: MoveRequest;
  /** Identities of the databases. */
  readonly noted: string | undefined;
  readonly identity: string | undefined;
  /** Central has noted the new one already: an earlier run came this far. */
  readonly isDone: boolean;
  readonly sources: readonly FoundSource[];
}

export interface FoundSource {
  readonly stored: StoredSource;
  readonly move: MovedSource;
  /** The tick that it goes on behind. */
  readonly tick: number;
  /** Events behind it on the new database: they are moved from there. */
  readonly waiting: number;
}

const MOST_TRIES = 3;

/** Looks at both databases; changes nothing. @throws refusals, each with its remedy. */
export async function findMove(request: MoveRequest): Promise<FoundMove> {
  const { link, from, to } = request;
  const { name } = to.shard;
  const identity = await readDatabaseIdentity(to.connection);
  // A server that does not tell is like no other one.
  const { knownAs, noted } = await link.use((central) => meetShard(central, name, identity ?? ''));
  const place = `The database that --to names (${to.shard.displayUrl})`;
  if (knownAs !== undefined) throw refusal(knownAsSentence(place, { knownAs, name }), 'Nothing was changed.');
  const own = from && (await readDatabaseIdentity(from.connection));
  const wrong = await whyNotThere(to, from, { isSame: own !== undefined && own === identity });
  if (wrong !== undefined) throw refusal(wrong, 'Nothing was changed.');
  const stored = await sourcesNow(link, name);
  if (stored.length === 0) throw refusal(`Central knows no source of shard ${name}.`);
  const refused = whyNotEnded(stored);
  if (refused !== undefined) throw refusal(refused, 'Nothing was changed.');
  const isNoted = identity !== undefined && noted === identity;
  const sources: FoundSource[] = [];
  // Once central has noted the new one nothing of the old one counts any more.
  const compared = { ...request, from: isNoted ? undefined : from };
  for (const one of seen(to, stored)) sources.push(await findSource(one.stored, compared));
  const isDone = isNoted && sources.every(({ move }) => move.tick === undefined);
  return { request, noted, identity, isDone, sources };
}

/** Where a source goes on. @throws where events would be lost or come twice. */
async function findSource(
  stored: StoredSource,
  { config, link, from, to }: MoveRequest,
): Promise<FoundSource> {
  const { position, shard, queue: name, id, n } = stored;
  const queue = to.queues.get(name);
  const source = `${shard}:${name}`;
  if (position === undefined || queue === undefined) throw refusal(`Queue ${name} is not there.`);
  if (position.inside !== undefined)
    throw refusal(
      `${source} is in the middle of a large window.`,
      `Nothing was changed. Run this again when \`tributary shard drain ${shellWord(shard)}\` says that it is drained.`,
    );
  const { schema } = to.shard;
  const ticks = await newestTicks(to.connection, queue, { schema });
  const isThere = commonTick(ticks, [position.tick]) !== undefined;
  const tick = isThere
    ? position.tick
    : commonTick(ticks, from === undefined ? await readSameTicks(link, id) : await ticksOf(from, name));
  if (tick === undefined)
    throw refusal(
      `The new database has no tick of ${name} up to which central has ${source}: it is another database, or a copy from before tick ${position.tick.id}, and events would be lost or come twice.`,
      'Nothing was changed. Copy it again once `tributary shard drain` says that the shard is drained; for a server that lacks something for good, change the URL in the file, and `tributary repair` shows the ways on.',
    );
  if (from !== undefined) await compare(from, to, { source, queue: name, tick: tick.id, isThere });
  const [ids] = await to.connection.query<{ missing: number }>(`select ${missingXidsSql(schema)} as missing`);
  if (ids !== undefined && ids.missing > 0)
    throw refusal(`${source} cannot be moved there yet: ${fewerXids(ids.missing)}.`, 'Nothing was changed.');
  const reading = readingsOf(config, to.shard).get(name)?.reading;
  const hidden =
    reading === undefined
      ? 0
      : await hiddenEvents(to.connection, {
          ...{ shard: to.shard, queue, central: link },
          source: { ...stored, position: { tick }, reading },
        });
  if (hidden > 0)
    throw refusal(
      `${counted(hidden, 'event')} of ${source} came in on the new database with transaction ids that count as moved, so they would be passed over.`,
      'Nothing was changed. Change the URL in the file: its mover halts the source then, and `tributary repair --rewind` moves them.',
    );
  const behind = await countEvents(to.connection, queue, { schema, from: tick.id });
  const move = { id, n, tick: isThere ? undefined : tick };
  return { stored, move, tick: tick.id, waiting: behind?.count ?? 0 };
}

async function ticksOf({ connection, queues, shard }: ShardSide, name: string) {
  const queue = queues.get(name);
  return queue === undefined ? [] : await newestTicks(connection, queue, shard);
}

/** Everything that the old database has behind the tick must be on the new one. */
async function compare(
  from: ShardSide,
  to: ShardSide,
  {
    source,
    queue: name,
    tick,
    isThere,
  }: { readonly source: string; readonly queue: string; readonly tick: number; readonly isThere: boolean },
): Promise<void> {
  const [old, young] = [from.queues.get(name), to.queues.get(name)];
  if (old === undefined || young === undefined) return;
  const behind = await eventsBehind(from.connection, old, { ...from.shard, from: tick });
  const onNew = await eventsBehind(to.connection, young, { ...to.shard, from: tick });
  if (Math.max(behind?.length ?? 0, onNew?.length ?? 0) > MOST_COUNTED)
    throw refusal(
      `More than ${counted(MOST_COUNTED, 'event')} of ${source} wait, too many to be compared one by one.`,
      `Nothing was changed. Stop the producers, run \`tributary shard drain ${shellWord(from.shard.name)}\`, and copy it again.`,
    );
  const there = keysOf(onNew);
  const lost = behind?.filter(({ key }) => !there.has(key));
  const { name: shard } = from.shard;
  if (lost === undefined)
    throw refusal(
      `The old database does not have tick ${tick} of ${name} any more, up to which central has ${source}.`,
      'Nothing was changed. Where it was restored meanwhile, `tributary repair` shows the ways on.',
    );
  if (lost.length > 0)
    throw refusal(
      `${counted(lost.length, 'event')} of ${source} on the old database ${lost.length === 1 ? 'is' : 'are'} not on the new one (the first is ${lost[0]?.id}), and would be lost.`,
      `Nothing was changed. Stop the producers of ${shard}, run \`tributary shard drain ${shellWord(shard)}\`, and copy it again.`,
    );
  // Behind a tick from before the position the old one may have events that central has: they would come twice from the new one.
  if (!isThere && behind !== undefined && behind.length > 0)
    throw refusal(
      `The new database is a copy of ${shard} from before central had all that is in it of ${name}: ${counted(behind.length, 'event')} behind tick ${tick} would come twice.`,
      `Nothing was changed. Stop the producers, run \`tributary shard drain ${shellWord(shard)}\`, and copy it again.`,
    );
}

const keysOf = (events: readonly EventMark[] = []): ReadonlySet<string> =>
  new Set(events.map(({ key }) => key));

export interface MoveOptions {
  readonly operator: Operator;
}

/** @returns what was found at the end. @throws refusals, each says whether anything was changed. */
export async function carryOutMove(first: FoundMove, { operator }: MoveOptions): Promise<FoundMove> {
  let found = first;
  const { config, link, from, to } = found.request;
  const { name, displayUrl } = to.shard;
  for (let tries = 1; !found.isDone; tries += 1) {
    if (from !== undefined) await keepWritersAway(from);
    try {
      if (from !== undefined) found = await findMove(found.request);
      const { noted, identity, sources } = found;
      await moveShard(
        link,
        {
          ...{ shard: name, from: noted, to: identity },
          sources: sources.map(({ move }) => move),
          note: { kind: 'shard-move', what: `moved shard ${name} to ${displayUrl}.` },
        },
        operator,
      );
      break;
    } catch (error) {
      if (sqlstateOf(error) !== 'TB010') throw error;
      if (tries === MOST_TRIES)
        throw refusal(
          `Shard ${name} was moved on, or another command was faster, at this moment.`,
          'Nothing was changed. Run this again.',
        );
    } finally {
      if (from !== undefined && !from.connection.failed) await from.connection.script('rollback');
    }
    found = await findMove(found.request);
  }
  const rows = await install({ ...config, shards: [to.shard] });
  const mistakes = rows.flatMap((row) => row.mistakes);
  if (mistakes.length > 0)
    throw refusal(
      mistakes.join(' '),
      `Central has noted the new server of ${name}; run this again when that is mended: it goes on there.`,
    );
  return found;
}

async function keepWritersAway({ connection, shard, queues }: ShardSide): Promise<void> {
  try {
    await lockOutWriters(connection, [...queues.values()], {
      schema: shard.schema,
      timeoutMs: TIMING.commands.writersWaitMs,
    });
  } catch (error) {
    if (!connection.failed) await connection.script('rollback');
    if (sqlstateOf(error) !== '55P03') throw error;
    throw refusal(
      `A transaction on the old database of ${shard.name} that has written events is still open.`,
      'Nothing was changed. Stop its producers, then run this again.',
    );
  }
}

export interface MovedProof {
  readonly source: string;
  readonly tick: number | undefined;
  readonly isSameTick: boolean;
  readonly moved: number;
  /** Events behind the tick on the new database. */
  readonly waiting: number;
  /** Events that only the old one has; undefined: it was not looked at. */
  readonly onlyOld: number | undefined;
}

/** Read anew from central and both databases. */
export async function proofOfMove({ link, from, to }: MoveRequest): Promise<MovedProof[]> {
  const rows: MovedProof[] = [];
  for (const { stored, queue } of seen(to, await sourcesNow(link, to.shard.name))) {
    const { position, queue: name, moved } = stored;
    const tick = position?.tick;
    const ticks = await newestTicks(to.connection, queue, to.shard);
    const there = await eventsBehind(to.connection, queue, { ...to.shard, from: tick?.id });
    const old = from?.queues.get(name);
    const behind =
      from && old && (await eventsBehind(from.connection, old, { ...from.shard, from: tick?.id }));
    const both = keysOf(there);
    rows.push({
      source: `${stored.shard}:${name}`,
      tick: tick?.id,
      isSameTick: tick !== undefined && commonTick(ticks, [tick]) !== undefined,
      moved,
      waiting: there?.length ?? 0,
      onlyOld: behind?.filter(({ key }) => !both.has(key)).length,
    });
  }
  return rows;
}
