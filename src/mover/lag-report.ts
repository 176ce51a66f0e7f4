// The figures of one shard's sources as central stores them, and how each is doing in a word and a sentence.
import type { LagFigure } from '../central/source-states.ts';
import { formatDuration } from '../config/units.ts';
import { TIMING } from '../lifecycle/timing.ts';
import type { ShardLoop } from './shard/shard-loop.ts';
import type { Source } from './source/source.ts';

/** What lagOf needs beside the loop. */
export interface LagSituation {
  readonly nowMs: number;
  /** Why a central queue takes no events; undefined: it does. */
  centralTrouble(centralQueue: string): string | undefined;
  /** Why a central queue is filled slowly or not at all, though it could take events. */
  heldBack(centralQueue: string): string | undefined;
}

export function lagOf(loop: ShardLoop, situation: LagSituation): LagFigure[] {
  return loop.sources.map((source) => {
    const { figures } = source;
    const { state, reason, cause } = stateOf(loop, source, situation);
    const isKnown = figures.atMs !== 0;
    return {
      source: source.id,
      age_s: isKnown ? Math.max(0, (situation.nowMs - figures.atMs) / 1000) : null,
      state,
      reason,
      cause: cause ?? null,
      events_behind: figures.eventsBehind ?? null,
      exact: figures.isExact,
      seconds_behind: figures.secondsBehind ?? null,
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

function stateOf(loop: ShardLoop, source: Source, { nowMs, centralTrouble, heldBack }: LagSituation): Shown {
  const { figures } = source;
  if (source.trouble !== undefined)
    return { ...source.trouble, ...(source.trouble.state === 'unreachable' && { cause: 'source-fails' }) };
  if (loop.trouble !== undefined) return { state: 'unreachable', reason: loop.trouble, cause: 'shard-away' };
  const isBehind = (figures.eventsBehind ?? 0) > 0;
  const movedLately = nowMs - source.movedAtMs < TIMING.reports.movingMs;
  if (source.isReadAlone) return { state: 'moving', reason: null };
  const silentMs = nowMs - Math.max(figures.atMs, source.excusedAtMs, loop.troubleEndedAtMs);
  if (silentMs > TIMING.reports.silentMs) {
    return {
      state: 'unreachable',
      cause: 'shard-silent',
      reason: `Shard ${source.shard} has not answered for ${formatDuration(Math.floor(silentMs / 1000) * 1000)}; it is asked on.`,
    };
  }
  const trouble = isBehind && !movedLately ? centralTrouble(source.centralQueue) : undefined;
  if (trouble !== undefined) return { state: 'unreachable', reason: trouble, cause: 'central-refuses' };
  const state = movedLately || isBehind ? 'moving' : 'idle';
  const held = isBehind ? heldBack(source.centralQueue) : undefined;
  if (held !== undefined) return { state, reason: held, cause: 'backlog-limit' };
  const reason = ticklessReason(source);
  return { state, reason, ...(reason !== null && { cause: 'no-ticker' }) };
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
