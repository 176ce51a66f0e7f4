// Ends the sources of shards: writers are kept away for a moment, what is there is in central, both sides are changed.
//
// Invariant: a source ends at a position behind which nothing is committed on its shard, unless nobody can look there any more.
// Order: writers locked out on every shard, positions compared with what is there, one commit on central that ends all sources (and
// begins those of copies), then our consumers unregistered under the same locks.
// Fails by: before the commit on central nothing has changed; after it our consumers may still be registered, and the same command
// goes on there.
import type { CentralLink } from '../central/central-link.ts';
import type { Operator } from '../central/logbook/note.ts';
import type { StoredSource } from '../central/positions.ts';
import { type BeginningSource, type EndOfSources, endSources } from '../central/succession/end-sources.ts';
import { sqlstateOf } from '../errors/sqlstate.ts';
import { counted } from '../errors/words.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { wait } from '../lifecycle/wait.ts';
import { countEvents, doWritersWait, lockOutWriters, unregisterSql } from '../shards/end-of-queue.ts';
import { refusal, type ShardSide, seen, sourcesNow } from './side.ts';

export interface EndingOptions {
  readonly link: CentralLink;
  readonly operator: Operator;
  /** Only these queues; default: all sources of the shards. */
  readonly only?: ReadonlySet<string> | undefined;
  /** Writers go on meanwhile: they wait until what they have written is moved, and what they write later is left out. */
  readonly isCut: boolean;
  /** Shards with sources whose server is gone: these end unseen. */
  readonly gone: readonly string[];
  readonly successors: readonly string[];
  readonly note: EndOfSources['note'];
  /** Sources of copies. Each begins at a tick behind which the shard that it is a copy of has nothing. */
  readonly begin: readonly CopiedSource[];
}

/** A source that begins where the shard that it was copied from ended. */
export interface CopiedSource extends BeginningSource {
  readonly copyOf: string;
}

/** @param sides of shards that have sources. @returns false where events came meanwhile: nothing has changed then. @throws where it cannot be done. */
export async function endAll(sides: readonly ShardSide[], options: EndingOptions): Promise<boolean> {
  const { link, operator, gone, successors, note, begin, only } = options;
  const locked: ShardSide[] = [];
  try {
    for (const side of sides) {
      await keepWritersAway(side, only);
      locked.push(side);
    }
    const sources: StoredSource[] = [];
    for (const side of sides) {
      const own = await settled(side, options);
      if (own === undefined) return false;
      if (own.length === 0) throw overtakenAt(side.shard.name);
      sources.push(...own);
    }
    const unseen: StoredSource[] = [];
    for (const shard of gone) {
      const own = await sourcesNow(link, shard, only);
      if (own.length === 0) throw overtakenAt(shard);
      unseen.push(...own);
    }
    const ending = [
      ...sources.map((one) => ({ id: one.id, n: one.n, isSeen: true })),
      ...unseen.map(({ id, n, position }) => ({
        id,
        n: position === undefined ? undefined : n,
        isSeen: false,
      })),
    ];
    if (ending.length + begin.length > 0)
      await endSources(link, { sources: ending, begin, successors, note }, operator).catch(overtaken);
    for (const side of sides) await unregister(side, only);
    return true;
  } finally {
    for (const { connection } of locked)
      if (!connection.failed) await connection.script('rollback').catch(() => {});
  }
}

async function keepWritersAway(side: ShardSide, only: ReadonlySet<string> | undefined): Promise<void> {
  const { schema, name } = side.shard;
  const queues = [...side.queues.values()].filter(({ queue }) => only?.has(queue) !== false);
  try {
    await lockOutWriters(side.connection, queues, { schema, timeoutMs: TIMING.commands.writersWaitMs });
  } catch (error) {
    if (!side.connection.failed) await side.connection.script('rollback');
    if (sqlstateOf(error) !== '55P03') throw error;
    throw refusal(
      `A transaction on shard ${name} that has written events is still open after ${TIMING.commands.writersWaitMs / 1_000} s, so its end cannot be made.`,
      `Nothing was changed. Wait until it has ended (\`tributary doctor\` names long ones), then run this again.`,
    );
  }
}

/** The sources where nothing waits behind their positions; undefined: something does, or is about to be written. */
async function settled(
  side: ShardSide,
  { link, only, isCut, begin }: EndingOptions,
): Promise<StoredSource[] | undefined> {
  const { connection, shard } = side;
  const endMs = performance.now() + (isCut ? TIMING.commands.cutMs : 0);
  for (;;) {
    const stored = await sourcesNow(link, shard.name, only);
    const waiting = await waitingOn(side, stored);
    if (waiting.length === 0) {
      // Movers are quick: that all is moved does not show that nobody writes any more.
      if (!isCut && (await doWritersWait(connection))) return undefined;
      for (const { queue: name, tick } of begin.filter(({ copyOf }) => copyOf === shard.name)) {
        const queue = side.queues.get(name);
        const behind = queue && (await countEvents(connection, queue, { ...shard, from: tick.id }));
        if (behind === undefined || behind.count > 0) return undefined;
      }
      return stored;
    }
    if (performance.now() >= endMs) {
      if (!isCut) return undefined;
      throw refusal(
        `What was written on shard ${shard.name} was not moved while its writers waited for ${TIMING.commands.cutMs / 1_000} s: ${waiting.join(', ')}.`,
        'Nothing was changed. See `tributary lag --by source`; run this again when it moves without delay, or stop its producers.',
      );
    }
    await wait(TIMING.centralTicks.apartMs * 2);
  }
}

async function waitingOn(side: ShardSide, sources: readonly StoredSource[]): Promise<string[]> {
  const { connection, shard } = side;
  const waiting: string[] = [];
  for (const { stored, queue } of seen(side, sources)) {
    const { position } = stored;
    const behind = await countEvents(connection, queue, { schema: shard.schema, from: position?.tick.id });
    if (behind === undefined)
      throw refusal(
        `Tick ${position?.tick.id} of ${shard.name}:${stored.queue}, where moving stopped, is not on the shard any more: it was restored, or is another database.`,
        `\`tributary repair\` shows the ways on once its mover has halted it.`,
      );
    if (position === undefined || position.inside !== undefined || behind.count > 0)
      waiting.push(`${counted(behind.count, 'event')} of ${stored.queue}`);
  }
  return waiting;
}

/** Under the locks, and also where an earlier run came no further than central. */
export async function unregister(side: ShardSide, only?: ReadonlySet<string>): Promise<void> {
  const { connection, shard, consumer } = side;
  const queues = [...side.queues.keys()].filter((queue) => only?.has(queue) !== false);
  const sql = unregisterSql(queues, { schema: shard.schema, consumer });
  try {
    await connection.script(`${sql}${sql === '' ? '' : '; '}commit`);
  } catch (error) {
    throw refusal(
      `The sources of ${shard.name} have ended on central, but our consumer ${consumer} is still registered on the shard (${error instanceof Error ? error.message : error}).`,
      'Run this again: it goes on there.',
    );
  }
}

/** Its sources were there when the command began: what took them away may be another end, or another name. */
const overtakenAt = (shard: string) =>
  refusal(
    `Nothing was changed: another command has ended or renamed shard ${shard} at this moment.`,
    'Run this again: it says what became of it.',
  );

function overtaken(error: unknown): never {
  if (sqlstateOf(error) !== 'TB010') throw error;
  throw refusal(
    'Nothing was changed: another command, or a mover, was faster at this moment.',
    'Run this again.',
  );
}
