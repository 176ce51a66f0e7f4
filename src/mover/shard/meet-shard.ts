// Checks a new connection before anything is read: whether this is the database that central knows as this shard.
//
// Invariant: nothing is moved from a database that is another shard. One that was restored or moved elsewhere is accepted as far as
// its ticks are those that were moved, which every round compares; what only its transaction ids would hide is looked for once.
import type { CentralLink } from '../../central/central-link.ts';
import { type KnownEvents, readKnownEvents } from '../../central/history.ts';
import {
  hasLeftSentence,
  knownAsSentence,
  meetShard,
  namesOf,
  noteShard,
} from '../../central/known-shards.ts';
import type { Shard } from '../../config/config.ts';
import { TributaryError } from '../../errors/tributary-error.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import type { Connection } from '../../postgres/connection.ts';
import { missingXidsSql } from '../../queue/ahead.ts';
import { readDatabaseIdentity } from '../../shards/identity.ts';
import { endSessions, moverSessions } from '../../shards/mover-sessions.ts';
import type { QueueOnShard } from '../../shards/queue-on-shard.ts';
import { readingsApart } from '../../shards/window.ts';
import type { MoverContext } from '../context.ts';
import type { MovableSource, Source } from '../source/source.ts';

export interface MetShard {
  readonly shard: Shard;
  readonly sources: readonly Source[];
  readonly queues: ReadonlyMap<string, QueueOnShard>;
  /** Called for each queue that was looked at. */
  readonly onLooked: () => void;
}

const MOST_LOOKED_AT = 10_000;

/**
 * @returns the database's identity; undefined: the server does not tell.
 * @throws where the database is known to central as another shard, or as one that the shard has left: it is tried again, for a
 * file or a name may be corrected.
 */
export async function meet(
  connection: Connection,
  { shard, sources, queues, onLooked }: MetShard,
  context: Pick<MoverContext, 'central' | 'halt'>,
): Promise<string | undefined> {
  const database = await readDatabaseIdentity(connection);
  if (database === undefined) return undefined;
  const central = context.central();
  const { knownAs, noted, hasLeft } = await central.use((one) => meetShard(one, shard.name, database));
  if (hasLeft) throw left(shard);
  if (knownAs !== undefined) {
    const place = placeOf(shard);
    throw new TributaryError(knownAsSentence(place, { knownAs, name: shard.name }), {
      code: 'known-shard',
      kind: 'misconfigured',
    });
  }
  if (noted === database) return database;
  if (noted !== undefined) {
    // While ids are missing the rounds see it, and halt; hidden events are looked for once the ids are raised.
    const [ids] = await connection.query<{ missing: number }>(
      `select ${missingXidsSql(shard.schema)} as missing`,
    );
    if (ids !== undefined && ids.missing > 0) return database;
    let halted = 0;
    for (const source of sources) {
      const queue = queues.get(source.queue);
      if (queue === undefined || !source.hasPosition() || source.trouble?.state === 'halted') continue;
      const hidden = await hiddenEvents(connection, { shard, source, queue, central });
      onLooked();
      if (hidden === 0) continue;
      halted += 1;
      context.halt(source, {
        code: 'younger-server',
        reason: `${hidden.toLocaleString('en-US')} events came in on another server than before, with transaction ids that count as moved: \`--rewind\` moves them`,
      });
    }
    // Noted only once central has stored the halt: with a note the next mover would not look again.
    if (halted > 0)
      throw new TributaryError(
        `Shard ${shard.name} is looked at again: events would have been passed over.`,
        {
          code: 'hidden-events',
          kind: 'retryable',
        },
      );
  }
  await central.use((one) => noteShard(one, shard.name, database));
  return database;
}

/** Where positions were moved by somebody else, it may be because the shard was moved. @throws where it has left the database. */
export async function stay(
  shard: Shard,
  database: string | undefined,
  { central }: Pick<MoverContext, 'central'>,
): Promise<void> {
  if (database === undefined) return;
  const { hasLeft } = await central().use((one) => meetShard(one, shard.name, database));
  if (hasLeft) throw left(shard);
}

/** Ends what a silent mover, from which the shard was taken over, has left there. */
export async function endLeftBehind(
  connection: Connection,
  takenFrom: string,
  { shard, context }: { readonly shard: string; readonly context: MoverContext },
): Promise<void> {
  try {
    await endSessions(connection, moverSessions(context.config.name, takenFrom));
  } catch (error) {
    if (connection.failed) throw error;
    const what = 'sessions of the mover before';
    context.onOccurrence({ kind: 'upkeep-trouble', database: shard, what, error });
  }
}

/** Whether that is why a shard is not moved from here: a mover whose file leads elsewhere may do it. */
export const isMovedAway = (error: unknown): boolean =>
  error instanceof TributaryError && error.code === 'moved-shard';

const placeOf = ({ name, displayUrl }: Shard): string => `Shard ${name} (${displayUrl})`;

const left = (shard: Shard): TributaryError =>
  new TributaryError(hasLeftSentence(placeOf(shard), shard.name), {
    code: 'moved-shard',
    kind: 'misconfigured',
  });

export interface LookedAt {
  readonly shard: Shard;
  readonly source: Pick<MovableSource, 'position' | 'shard' | 'queue' | 'centralQueue' | 'reading'>;
  readonly queue: QueueOnShard;
  readonly central: Pick<CentralLink, 'use'>;
}

/** Events younger than the position's tick by their ids, finished at it by their transactions, and not in central. */
export async function hiddenEvents(
  connection: Connection,
  { shard, source, queue, central }: LookedAt,
): Promise<number> {
  const { id, timeUs, eventSeq, md5 } = source.position.tick;
  const found = await connection.query<{ id: number; time_us: number }>(
    `select e.ev_id as id, (extract(epoch from e.ev_time) * 1000000)::bigint as time_us
       from ${queue.eventTable} e
       -- Another tick of the same number tells nothing: the round finds that the shard has diverged.
       join ${shard.schema}.tick t on t.tick_queue = ${queue.queueId} and t.tick_id = ${id}
         and (extract(epoch from t.tick_time) * 1000000)::bigint = ${timeUs} and md5(t.tick_snapshot::text) = '${md5}'
      where e.ev_owner is null and e.ev_id > ${eventSeq} and ${queue.dialect.visible}(e.ev_txid, t.tick_snapshot)
      limit ${MOST_LOOKED_AT}`,
    [],
    { timeoutMs: TIMING.shard.lookMs },
  );
  const routes = readingsApart(source.reading, source.centralQueue);
  if (found.length === 0 || found.length === MOST_LOOKED_AT) return found.length;
  if (routes.some(({ origin }) => origin === 'none')) return found.length;
  // A ticker reads the sequence a moment before the snapshot: what was committed in between looks the same, and was moved.
  const ids = found.map((one) => one.id);
  const known = await central.use(async (one) => {
    const prefixes = (await namesOf(one, source.shard)).map((name) => `${name}:${source.queue}:`);
    const ofAll: KnownEvents[] = [];
    for (const { central: queue, origin } of routes) {
      const range = { from: Math.min(...ids), to: Math.max(...ids) };
      ofAll.push(await readKnownEvents(one, { queue, column: `ev_${origin}`, prefixes, ...range }));
    }
    return ofAll;
  });
  return found.filter((one) => !known.some((events) => events.has(one.id, one.time_us))).length;
}
