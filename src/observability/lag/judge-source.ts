// How a source is doing, judged from the file, from what central stores, and from what its shard answered just now. Pure.
//
// Invariant: `moving` and `idle` need a mover's report of the last 2 s; `paused` and `halted` come from central, however
// old the figures are. A source that does not move counts as not behind only by an answer of this moment.

import { type FileAmongHosts, moverCommand, moverRemedy } from '../../central/host-files.ts';
import { notInstalled, storedQueues } from '../../config/feeds.ts';
import { sentenceAge } from '../../errors/age.ts';
import { shellWord } from '../../errors/shell-word.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { absentReason, type Reasoned, type WhyAbsent } from './absent-source.ts';
import type { LagFigures, ShardAnswer, StoredLag } from './facts.ts';
import type { LagState, SourceLag, Why } from './report.ts';

export interface NamedSource {
  readonly shard: string;
  readonly queue: string;
  readonly centralQueue: string;
  readonly routes?: readonly string[] | undefined;
  /** The host whose mover moves the shard; undefined: the file does not name the source. */
  readonly moverHost: string | undefined;
  /** Its entry says where it begins, also where it has ended before. */
  readonly beginsAnew?: boolean;
}

interface LagVerdict {
  readonly state: LagState;
  readonly reason: string | undefined;
  readonly why?: Why | undefined;
}

/** Whether the shard has to be asked, because no mover saw the source lately; without a position there is nothing to ask. */
export function needsAsking(stored: StoredLag): boolean {
  const { position, figures, paused, state } = stored;
  if (position === undefined) return false;
  const said = believed(stored)?.state;
  const isMoving = paused === undefined && state === 'active' && (said === 'moving' || said === 'idle');
  return (
    figures === undefined ||
    figures.ageSeconds > (isMoving ? TIMING.reports.freshSeconds : TIMING.reports.stillFreshSeconds)
  );
}

interface Circumstances extends FileAmongHosts, WhyAbsent {
  /** The shard's answer; undefined: it was not asked. */
  readonly answer: ShardAnswer | undefined;
}

export function lagOfSource(
  wanted: NamedSource,
  stored: StoredLag | undefined,
  circumstances: Circumstances,
): SourceLag {
  const { shard, queue, centralQueue, routes } = wanted;
  const report = stored === undefined ? undefined : believed(stored);
  const { answer } = circumstances;
  const verdict = verdictOn(wanted, stored, circumstances);
  const figures = figuresOf(verdict.state, figuresFrom(stored, answer));
  return {
    shard,
    queue,
    centralQueue,
    ...(routes === undefined ? {} : { routes }),
    unrouted: stored?.unrouted,
    ...verdict,
    home: wanted.moverHost,
    stateSeconds: stored === undefined ? undefined : sinceOf(verdict.state, stored),
    mover: report?.mover ?? stored?.holder,
    eventsBehind: figures?.eventsBehind,
    isExact: figures?.isExact ?? false,
    secondsBehind: figures?.secondsBehind,
    lastTick:
      (answer !== undefined && 'lastTick' in answer ? answer.lastTick : undefined) ?? stored?.lastTick,
    moved: stored?.moved ?? 0,
    provider:
      (answer !== undefined && 'provider' in answer ? answer.provider : undefined) ?? stored?.provider,
    ageSeconds: figures?.ageSeconds,
  };
}

/** The mover's report, if it still counts: recent, and not from before it let go of the shard. */
function believed({ report, freedAgeSeconds }: StoredLag): StoredLag['report'] {
  if (report === undefined || report.ageSeconds > TIMING.reports.reportFreshSeconds) return undefined;
  return freedAgeSeconds !== undefined && freedAgeSeconds < report.ageSeconds ? undefined : report;
}

function figuresFrom(stored: StoredLag | undefined, answer: ShardAnswer | undefined): LagFigures | undefined {
  if (answer?.kind === 'behind') return answer;
  if (answer?.kind === 'lost')
    return {
      ageSeconds: answer.ageSeconds,
      eventsBehind: undefined,
      isExact: false,
      secondsBehind: undefined,
    };
  return stored?.figures;
}

/** Figures whose events wait longer by now; and old ones of a source that does not move: where none waited some may. */
function figuresOf(state: LagState, figures: LagFigures | undefined): LagFigures | undefined {
  if (figures === undefined) return undefined;
  const { ageSeconds, eventsBehind = 0, secondsBehind, isAgeing = false } = figures;
  const isMoving = state === 'moving' || state === 'idle';
  if (isMoving || ageSeconds <= TIMING.reports.stillFreshSeconds) {
    const isGrowing = isAgeing || (!isMoving && eventsBehind > 0);
    return isGrowing && secondsBehind !== undefined
      ? { ...figures, secondsBehind: secondsBehind + ageSeconds }
      : figures;
  }
  return eventsBehind === 0
    ? { ageSeconds, eventsBehind: undefined, isExact: false, secondsBehind: undefined }
    : {
        ageSeconds,
        eventsBehind,
        isExact: false,
        secondsBehind: secondsBehind === undefined ? undefined : secondsBehind + ageSeconds,
      };
}

function verdictOn(
  wanted: NamedSource,
  stored: StoredLag | undefined,
  circumstances: Circumstances,
): LagVerdict {
  const { answer, file } = circumstances;
  const label = `${wanted.shard}:${wanted.queue}`;
  if (stored === undefined) return { state: 'unassigned', ...absentReason(wanted, circumstances) };
  const trouble = answer !== undefined && 'reason' in answer ? answer.reason : undefined;
  if (stored.state === 'halted')
    return {
      state: 'halted',
      // That the shard has lost the position's tick is why the source is halted: the reason says so already.
      reason: withTrouble(
        stored.haltReason ?? `Source ${label} is halted.`,
        answer?.kind === 'lost' ? undefined : trouble,
      ),
      why: { cause: 'halted', command: repairCommand(label) },
    };
  if (stored.paused !== undefined)
    return {
      state: 'paused',
      reason: withTrouble(pauseReason(stored, stored.paused), trouble),
      why: { cause: 'paused', paused: { by: stored.paused.by, reason: stored.paused.reason } },
    };
  if (stored.state === 'registering')
    return {
      state: 'unassigned',
      reason: `Source ${label} is not registered to its end: run \`tributary install\` again.`,
      why: { cause: 'not-installed', command: 'tributary install' },
    };
  if (stored.position === undefined)
    return {
      state: 'halted',
      reason: `The position of ${label} is missing: see \`${repairCommand(label)}\`.`,
      why: { cause: 'halted', command: repairCommand(label) },
    };
  const { centralQueue, routes = [centralQueue] } = wanted;
  if (notInstalled(routes, stored).length > 0)
    return {
      state: 'unassigned',
      reason: `Source ${label} feeds central queue ${storedQueues(stored).join(', ')}, and ${file} says ${routes.join(', ')}: run \`tributary install\`.`,
      why: { cause: 'not-installed', command: 'tributary install' },
    };
  if (answer?.kind === 'lost')
    return {
      state: 'halted',
      reason: answer.reason,
      why: { cause: 'halted', command: repairCommand(label) },
    };
  if (answer?.kind === 'failed')
    return {
      state: 'unreachable',
      reason: failedReason(stored, answer.reason),
      // The mover knows better whether it is the shard, or this one source.
      why: { cause: believed(stored)?.cause === 'source-fails' ? 'source-fails' : 'shard-away' },
    };
  return (
    moving(stored, answer) ?? {
      state: 'unassigned',
      ...unassignedReason(wanted, stored, circumstances),
    }
  );
}

const repairCommand = (label: string): string => `tributary repair ${shellWord(label)} --dry-run`;

/** How long it has not moved, where central knows. */
function sinceOf(state: LagState, stored: StoredLag): number | undefined {
  const { paused, haltedAgeSeconds, freedAgeSeconds, report } = stored;
  const ageSeconds = report?.ageSeconds ?? 0;
  switch (state) {
    case 'paused':
      return paused?.ageSeconds;
    case 'halted':
      return haltedAgeSeconds;
    case 'unassigned':
      // A mover that still reports has another reason.
      return freedAgeSeconds ?? (ageSeconds > TIMING.reports.reportFreshSeconds ? ageSeconds : undefined);
    case 'unreachable':
      return report !== undefined && report.state === state ? report.stateAgeSeconds : undefined;
    default:
      return undefined;
  }
}

/** The verdict of a mover's report; undefined where no report counts. */
function moving(stored: StoredLag, answer: ShardAnswer | undefined): LagVerdict | undefined {
  const report = believed(stored);
  if (report === undefined) return undefined;
  const behind = answer?.kind === 'behind' ? answer.eventsBehind : stored.figures?.eventsBehind;
  const running: LagState = behind === 0 && report.state !== 'moving' ? 'idle' : 'moving';
  // The mover has not noticed yet that the source was resumed.
  if (report.state === 'paused') return { state: running, reason: undefined };
  return {
    state: report.state === 'idle' ? running : report.state,
    reason: report.reason,
    why: report.reason === undefined ? undefined : { cause: report.cause ?? 'source-fails' },
  };
}

function withTrouble(reason: string, trouble: string | undefined): string {
  return trouble === undefined || reason.includes(trouble) ? reason : `${reason} ${trouble}`;
}

function pauseReason(
  { shard, queue }: StoredLag,
  { reason, ageSeconds }: { readonly reason: string | undefined; readonly ageSeconds: number },
): string {
  const why = reason === undefined ? '' : `: ${reason.replace(/[.\s]+$/, '')}`;
  return `Paused ${sentenceAge(ageSeconds)} ago${why}. \`tributary resume --shard ${shellWord(shard)} --queue ${shellWord(queue)}\` lets it go on.`;
}

function failedReason(stored: StoredLag, reason: string): string {
  const report = believed(stored);
  const seen = stored.figures?.ageSeconds;
  if (
    report === undefined ||
    report.state === 'unreachable' ||
    seen === undefined ||
    seen > TIMING.reports.freshSeconds
  )
    return reason;
  return `${reason} The mover${onHost(report.mover)} saw it ${sentenceAge(seen)} ago.`;
}

function unassignedReason(
  { shard, queue, moverHost }: NamedSource,
  stored: StoredLag,
  among: FileAmongHosts,
): Reasoned {
  if (moverHost === undefined) {
    const remedy = 'put it back, or let go of it as docs/operating.md tells';
    return {
      reason: `Source ${shard}:${queue} is not in ${among.file}, so no mover moves it: ${remedy}.`,
      why: { cause: 'not-in-file', remedy },
    };
  }
  const { report, holder, freedAgeSeconds } = stored;
  const remedy = moverRemedy({ shard, moverHost }, among);
  if (holder !== undefined) {
    const reason =
      report === undefined
        ? `The mover on host ${holder} holds shard ${shard} and has not reported yet: if it is not just starting, see its log.`
        : `The mover on host ${holder} holds shard ${shard} and last reported ${sentenceAge(report.ageSeconds)} ago: see its log, or start it again.`;
    return { reason, why: { cause: 'mover-silent' } };
  }
  const why = { cause: 'no-mover', remedy, command: moverCommand(moverHost) };
  if (report === undefined) return { reason: `No mover has moved shard ${shard} yet: ${remedy}.`, why };
  if (freedAgeSeconds !== undefined)
    return {
      reason: `No mover moves shard ${shard} since the one${onHost(report.mover)} let go of it ${sentenceAge(freedAgeSeconds)} ago: ${remedy}.`,
      why,
    };
  return {
    reason: `No mover moves shard ${shard}: the one${onHost(report.mover)} last reported ${sentenceAge(report.ageSeconds)} ago; ${remedy}.`,
    why,
  };
}

const onHost = (mover: string | undefined): string => (mover === undefined ? '' : ` on host ${mover}`);
