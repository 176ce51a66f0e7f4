// The figures of one shard's sources as central stores them, and how each is doing in a word and a sentence.
import type { LagFigure } from '../central/source-states.ts';
import { formatDuration } from '../config/units.ts';
import { TIMING } from '../lifecycle/timing.ts';
import type { ShardLoop } from './shard/shard-loop.ts';
import { gathererOf } from './source/destinations.ts';
import type { Source } from './source/source.ts';

/** What lagOf needs beside the loop. */
export interface LagSituation {
  readonly nowMs: number;
  /** How long readers have waited for memory without a moment in between. */
  readonly memoryWaitingMs: number;
  /** Why the central queues of a gatherer take no events; undefined: they do. */
  centralTrouble(gatherer: string): string | undefined;
  /** Why less of a shard goes into them, or nothing, though they could take events. */
  heldBack(gatherer: string, shard: string): string | undefined;
}

export function lagOf(loop: ShardLoop, situation: LagSituation): LagFigure[] {
  return loop.sources.map((source) => {
    const { figures } = source;
    const { state, reason, cause } = stateOf(loop, source, situation);
    return {
      source: source.id,
      state,
      reason,
      cause: cause ?? null,
      ...timesOf(source, { nowMs: situation.nowMs, isRunning: state === 'moving' || state === 'idle' }),
      events_behind: figures.eventsBehind ?? null,
      exact: figures.isExact,
      last_tick: figures.lastTick ?? null,
      provider: loop.provider ?? null,
    };
  });
}

interface Shown {
  readonly state: string;
  readonly reason: string | null;
  /** Its name for `doctor`, where central cannot know it by itself. */
  readonly cause?: string;
}

/**
 * How old the figures are, and whether they hold until they are reported anew. Those of a source that is behind and was not
 * looked at lately (a large window is being read, or the memory is used up) hold as well: its oldest event only grows older.
 */
function timesOf(
  { figures, movedAtMs }: Source,
  { nowMs, isRunning }: { readonly nowMs: number; readonly isRunning: boolean },
): Pick<LagFigure, 'age_s' | 'seconds_behind' | 'stands' | 'ages'> {
  const { secondsBehind, eventsBehind = 0 } = figures;
  if (figures.atMs === 0 || secondsBehind === undefined)
    return { age_s: null, seconds_behind: null, stands: false, ages: false };
  const ageMs = Math.max(0, nowMs - figures.atMs);
  const isFresh = ageMs <= TIMING.reports.standingMs;
  if (isRunning && !isFresh && eventsBehind > 0)
    return { age_s: 0, seconds_behind: secondsBehind + ageMs / 1000, stands: true, ages: true };
  const stands = isRunning && isFresh;
  return {
    age_s: ageMs / 1000,
    seconds_behind: secondsBehind,
    stands,
    ages: stands && eventsBehind > 0 && nowMs - movedAtMs > TIMING.reports.stalledMs,
  };
}

function stateOf(
  loop: ShardLoop,
  source: Source,
  { nowMs, memoryWaitingMs, centralTrouble, heldBack }: LagSituation,
): Shown {
  const { figures } = source;
  if (source.trouble !== undefined)
    return { ...source.trouble, ...(source.trouble.state === 'unreachable' && { cause: 'source-fails' }) };
  if (loop.trouble !== undefined) return { state: 'unreachable', reason: loop.trouble, cause: 'shard-away' };
  const isBehind = (figures.eventsBehind ?? 0) > 0;
  const movedMsAgo = nowMs - source.movedAtMs;
  const silentMs = nowMs - Math.max(figures.atMs, source.excusedAtMs, loop.troubleEndedAtMs);
  if (source.isReadAlone && !loop.isOverdue(nowMs)) return { state: 'moving', reason: null };
  // It does not ask its shard: it waits for room.
  if (isBehind && silentMs > TIMING.reports.standingMs && memoryWaitingMs > TIMING.reports.silentMs)
    return { state: 'moving', reason: roomReason(source), cause: 'memory-budget' };
  if (silentMs > TIMING.reports.silentMs || loop.isOverdue(nowMs))
    return { state: 'unreachable', reason: silentReason(source, silentMs), cause: 'shard-silent' };
  const trouble =
    isBehind && movedMsAgo > TIMING.reports.stalledMs ? centralTrouble(gathererOf(source)) : undefined;
  if (trouble !== undefined) return { state: 'unreachable', reason: trouble, cause: 'central-refuses' };
  const state = movedMsAgo < TIMING.reports.movingMs || isBehind ? 'moving' : 'idle';
  const held = isBehind ? heldBack(gathererOf(source), source.shard) : undefined;
  if (held !== undefined) return { state, reason: held, cause: 'backlog-limit' };
  const reason = ticklessReason(source);
  return { state, reason, ...(reason !== null && { cause: 'no-ticker' }) };
}

const roomReason = ({ shard }: Source): string =>
  `Shard ${shard} waits for memory of its mover, which is used up by events on their way to central: see whether central is slow, or give it more \`mover.memory\`.`;

/** Tells the seconds roughly: each other sentence is one to report. */
function silentReason({ shard }: Source, silentMs: number): string {
  const { silentMs: longMs } = TIMING.reports;
  const how =
    silentMs < longMs
      ? 'has not answered lately'
      : `has not answered for more than ${formatDuration(Math.floor(silentMs / longMs) * longMs)}`;
  return `Shard ${shard} ${how}; it is asked on.`;
}

function ticklessReason({ figures, queue, shard }: Source): string | null {
  if (figures.tickless === undefined || (figures.secondsBehind ?? 0) < TIMING.reports.ticklessSeconds)
    return null;
  const what = `Events of ${shard}:${queue} wait for a tick`;
  switch (figures.tickless) {
    case 'paused':
      return `${what}, and the queue's ticker is paused: run \`select pgq.set_queue_config('${queue}', 'ticker_paused', 'false')\` on the shard.`;
    case 'external':
      return `${what}, and the queue has an external ticker: see why that one makes none.`;
    case 'silent':
      return `${what}, and no other ticker makes one: start it, or let the file say \`ticker: always\`.`;
  }
}
