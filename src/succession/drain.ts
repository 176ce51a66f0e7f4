// Waits until all that is committed on a shard now is in central. The movers move it; this marks how far, and looks.
//
// Invariant: a mark is a tick that covers everything committed before the command began. Nothing is changed but that tick.

import type { CentralLink } from '../central/central-link.ts';
import type { StoredSource } from '../central/positions.ts';
import { readStanding } from '../central/succession/standing.ts';
import { shellWord } from '../errors/shell-word.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { wait } from '../lifecycle/wait.ts';
import { countEvents, newestTicks, tickQueue } from '../shards/end-of-queue.ts';
import { type SeenSource, type ShardSide, seen, sourcesNow } from './side.ts';
import { whyNotMoved } from './why-not-moved.ts';

export interface DrainOptions {
  readonly link: CentralLink;
  /** Only these queues; default: all sources of the shard. */
  readonly only?: ReadonlySet<string> | undefined;
  readonly patienceMs: number;
  readonly signal: AbortSignal;
  readonly onLook?: (sources: readonly DrainedSource[]) => void;
}

export interface DrainedSource {
  readonly shard: string;
  readonly queue: string;
  /** The tick up to which it is to be moved. */
  readonly mark: number;
  /** Events up to it that are not in central; one more than are counted: or more. */
  readonly left: number;
  readonly moved: number;
}

export interface Drained {
  readonly sources: readonly DrainedSource[];
  /** Sentences: why it is not drained. Empty: it is. */
  readonly problems: readonly string[];
}

/** @throws refusals: a source is halted, or paused with events that wait, or the shard is not the one that was moved. */
export async function drain(
  side: ShardSide,
  { link, only, patienceMs, signal, onLook }: DrainOptions,
): Promise<Drained> {
  const { name } = side.shard;
  const endMs = performance.now() + patienceMs;
  const marks = await mark(side, seen(side, await sourcesNow(link, name, only)));
  for (;;) {
    const stored = await sourcesNow(link, name, only);
    const sources: DrainedSource[] = [];
    for (const one of seen(side, stored)) sources.push(await look(side, one, marks));
    onLook?.(sources);
    const left = stored.filter((_source, at) => (sources[at]?.left ?? 0) > 0);
    if (left.length === 0) return { sources, problems: [] };
    const standing = await readStanding(link, name);
    const why = whyNotMoved(side.shard, left, standing);
    if (why.isFinal || performance.now() >= endMs || signal.aborted)
      return { sources, problems: why.sentences };
    await wait(Math.min(TIMING.commands.drainAskMs, endMs - performance.now()), signal);
  }
}

/** The ticks up to which is to be moved, by source. One that only another ticker makes is named before it is there. */
async function mark(side: ShardSide, sources: readonly SeenSource[]): Promise<Map<number, number>> {
  const { connection, shard } = side;
  const marks = new Map<number, number>();
  for (const { stored, queue } of sources) {
    const newest = async () => (await newestTicks(connection, queue, { ...shard, most: 1 }))[0]?.id ?? 0;
    const from = await newest();
    const later = await countEvents(connection, queue, { schema: shard.schema, from });
    if (later?.count === 0) {
      marks.set(stored.id, from);
      continue;
    }
    if (shard.ticker !== 'never') await tickQueue(connection, queue.queue, shard.schema);
    marks.set(stored.id, Math.max(from + 1, await newest()));
  }
  return marks;
}

async function look(
  side: ShardSide,
  { stored, queue }: SeenSource,
  marks: ReadonlyMap<number, number>,
): Promise<DrainedSource> {
  const { schema } = side.shard;
  // Without a mark all that is there counts: of a source that another command begins anew at this moment, too.
  const to = marks.get(stored.id);
  const from = stored.position?.tick.id;
  const isInside = stored.position?.inside !== undefined;
  const { shard, queue: name, moved } = stored;
  const row = (left: number): DrainedSource => ({ shard, queue: name, mark: to ?? from ?? 0, left, moved });
  if (to !== undefined && from !== undefined && from >= to && !isInside) return row(0);
  const upTo = await countEvents(side.connection, queue, {
    ...{ schema, from },
    ...(to === undefined ? {} : { to }),
  });
  // The mark is not there yet, or the position's tick is gone: in both cases what is there counts.
  const found = upTo ?? (await countEvents(side.connection, queue, { schema, from }));
  if (found === undefined) return row(1);
  return row(!isInside && upTo !== undefined ? found.count : Math.max(1, found.count));
}

/** How much waits now, without a mark. */
export async function waiting(side: ShardSide, link: CentralLink): Promise<DrainedSource[]> {
  const stored = await sourcesNow(link, side.shard.name);
  const rows: DrainedSource[] = [];
  for (const one of seen(side, stored)) rows.push(await look(side, one, new Map()));
  return rows;
}

/** All events of these sources that wait, as far as they are counted. */
export const leftOf = (sources: readonly { readonly left: number }[]): number =>
  sources.reduce((sum, { left }) => sum + left, 0);

/** Whether one of them may not be ended, whatever waits there. @returns the sentence. */
export function whyNotEnded(sources: readonly StoredSource[]): string | undefined {
  const halted = sources.find(({ state }) => state === 'halted');
  if (halted !== undefined)
    return `Source ${halted.shard}:${halted.queue} is halted (${halted.haltReason ?? 'no reason is noted'}): \`tributary repair ${shellWord(`${halted.shard}:${halted.queue}`)} --dry-run\` shows the ways on; then run this again.`;
  const lost = sources.find(({ position }) => position === undefined);
  if (lost === undefined) return undefined;
  return `Source ${lost.shard}:${lost.queue} has no position: run \`tributary install\` first, or restore central from a backup that has it.`;
}
