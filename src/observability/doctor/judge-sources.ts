// Why sources do not move or are behind, as central knows it: one diagnosis for all that one cause concerns. Pure.

import { isAny } from '../../config/sections/host.ts';
import { sentenceAge } from '../../errors/age.ts';
import { shellWord } from '../../errors/shell-word.ts';
import { counted } from '../../errors/words.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { alike } from '../lag/alike.ts';
import { isKnownNow, isLate, type SourceLag } from '../lag/report.ts';
import { type Cause, diagnosis, isCause } from './causes.ts';
import type { Diagnosis } from './diagnosis.ts';

/** @param all in the order of the file. */
export function sourceDiagnoses(all: readonly SourceLag[]): Diagnosis[] {
  const byCause = new Map<Cause, SourceLag[]>();
  for (const source of all) {
    const cause = causeOf(source);
    if (cause !== undefined) byCause.set(cause, [...(byCause.get(cause) ?? []), source]);
  }
  return [...byCause].flatMap(([cause, sources]) =>
    grouped(cause, sources).map((own) => diagnosisOf(cause, own, all)),
  );
}

/** Undefined: nothing is wrong with it. */
function causeOf(source: SourceLag): Cause | undefined {
  const { why, reason } = source;
  if (why !== undefined || reason !== undefined) return isCause(why?.cause) ? why.cause : 'source-fails';
  if (!isKnownNow(source)) return 'figures-old';
  return isLate(source.secondsBehind, TIMING.doctor.lateSeconds) ? 'moving-late' : undefined;
}

/** Those for which one sentence is true. */
function grouped(cause: Cause, sources: readonly SourceLag[]): (readonly SourceLag[])[] {
  const by = (key: (source: SourceLag) => string) => {
    const groups = new Map<string, SourceLag[]>();
    for (const source of sources) groups.set(key(source), [...(groups.get(key(source)) ?? []), source]);
    return [...groups.values()];
  };
  switch (cause) {
    case 'no-mover':
      return by(({ home, why }) => `${home} ${why?.remedy}`);
    case 'mover-silent':
      return by(({ mover }) => `${mover}`);
    case 'paused':
      return by(({ why }) => `${why?.paused?.by} ${why?.paused?.reason}`);
    case 'moving-late':
      return by(({ centralQueue }) => centralQueue);
    case 'figures-old':
      return [sources];
    default:
      return alike(sources).map((group) => group.sources);
  }
}

function diagnosisOf(cause: Cause, sources: readonly SourceLag[], all: readonly SourceLag[]): Diagnosis {
  const [first] = sources as [SourceLag];
  const { remedy, command } = first.why ?? {};
  return diagnosis(
    cause,
    sources.map(({ shard, queue }) => `${shard}:${queue}`),
    {
      severity: severityOf(cause, sources),
      sentence: sentenceOf(cause, sources),
      evidence: evidenceOf(cause, sources),
      ...(remedy !== undefined && { remedy: `${remedy[0]?.toUpperCase()}${remedy.slice(1)}.` }),
      ...(command !== undefined && { command }),
      ...(cause === 'paused' && { command: resumeCommand(sources, all) }),
    },
  );
}

/** What waits on purpose, or is only slowed, is broken once it is late. */
function severityOf(cause: Cause, sources: readonly SourceLag[]): Diagnosis['severity'] {
  // Nothing is lost by it, and the file is to be corrected.
  if (cause === 'retired') return 'risk';
  if (cause !== 'paused' && cause !== 'backlog-limit') return 'broken';
  // Where it is not known how old the oldest event is, none is older than the standstill by much.
  return sources.some(({ secondsBehind, stateSeconds }) =>
    isLate(secondsBehind ?? stateSeconds, TIMING.doctor.lateSeconds),
  )
    ? 'broken'
    : 'risk';
}

function sentenceOf(cause: Cause, sources: readonly SourceLag[]): string {
  const [first] = sources as [SourceLag];
  const subject = subjectOf(sources);
  const be = sources.length === 1 ? 'is' : 'are';
  switch (cause) {
    case 'no-mover':
      return `${subject} ${be} not moved: no mover ${first.home === undefined || isAny(first.home) ? 'runs' : `runs for host ${first.home}`}.`;
    case 'mover-silent':
      return `${subject} ${be} not moved: the mover on host ${first.mover} holds ${sources.length === 1 ? 'it' : 'them'} and does not report.`;
    case 'paused': {
      const { by, reason } = first.why?.paused ?? {};
      const since = longest(sources.map(({ stateSeconds }) => stateSeconds));
      return `${subject} ${be} paused${since === undefined ? '' : ` for ${sentenceAge(since)}`}${by === undefined ? '' : ` by ${by}`}${reason === undefined ? '' : `: ${reason.replace(/[.\s]+$/, '')}`}.`;
    }
    case 'moving-late':
      return `${subject} ${be} moved and late: the oldest event has waited for ${sentenceAge(longest(sources.map(({ secondsBehind }) => secondsBehind)) ?? 0)}.`;
    case 'figures-old':
      return `How far ${subject[0]?.toLowerCase()}${subject.slice(1)} ${be} behind is not known.`;
    default: {
      const reason = withoutRemedy(first);
      // A sentence about the shard is about all of them.
      const isOfShard = sources.every(({ shard }) => reason.startsWith(`Shard ${shard}`));
      return sources.length === 1 || isOfShard ? reason : `${subject}: ${reason}`;
    }
  }
}

/** The sentence of `lag` without what to do, where that is said apart. */
function withoutRemedy({ reason = '', why }: SourceLag): string {
  const end = [why?.remedy, why?.command === undefined ? undefined : `run \`${why.command}\``]
    .flatMap((remedy) => (remedy === undefined ? [] : [`: ${remedy}.`, `: ${remedy} again.`]))
    .find((tail) => reason.endsWith(tail));
  return end === undefined ? reason : `${reason.slice(0, -end.length)}.`;
}

function evidenceOf(cause: Cause, sources: readonly SourceLag[]): string[] {
  const [first] = sources as [SourceLag];
  const waiting = sources.filter(({ eventsBehind }) => (eventsBehind ?? 0) > 0);
  const events = waiting.reduce((sum, { eventsBehind = 0 }) => sum + eventsBehind, 0);
  const oldest = longest(waiting.map(({ secondsBehind }) => secondsBehind));
  // Nobody looks while a source stands still: more may have come since its figures were seen.
  const isOld = waiting.some(({ ageSeconds = 0 }) => ageSeconds > TIMING.reports.stillFreshSeconds);
  const near = isOld ? 'at least ' : waiting.every(({ isExact }) => isExact) ? '' : 'about ';
  const since = longest(sources.map(({ stateSeconds }) => stateSeconds));
  const seen = longest(sources.map(({ ageSeconds }) => ageSeconds));
  return [
    events === 0 ? '' : `${near}${counted(events, 'event')} wait${events === 1 ? 's' : ''}`,
    oldest === undefined || cause === 'moving-late' ? '' : `the oldest for ${sentenceAge(oldest)}`,
    since === undefined || cause === 'paused' ? '' : `${first.state} for ${sentenceAge(since)}`,
    seen === undefined || cause !== 'figures-old' ? '' : `last seen ${sentenceAge(seen)} ago`,
    first.mover === undefined || cause === 'mover-silent' || cause === 'no-mover'
      ? ''
      : `mover on ${first.mover}`,
  ].filter((one) => one !== '');
}

/** `Source s1:orders`, `3 sources of shard s1`, `1,280 sources of 256 shards` */
function subjectOf(sources: readonly Pick<SourceLag, 'shard' | 'queue'>[]): string {
  const [first] = sources;
  if (sources.length === 1) return `Source ${first?.shard}:${first?.queue}`;
  const shards = new Set(sources.map(({ shard }) => shard)).size;
  const of = shards === 1 ? `shard ${first?.shard}` : counted(shards, 'shard');
  return `${counted(sources.length, 'source')} of ${of}`;
}

/** The shortest command that resumes these and no others; where there is none, that for the first. */
function resumeCommand(sources: readonly SourceLag[], all: readonly SourceLag[]): string {
  const [first] = sources as [SourceLag];
  const paused = all.filter(({ state }) => state === 'paused');
  const isJust = (matches: (one: SourceLag) => boolean) => paused.filter(matches).length === sources.length;
  const isAlike = (of: (one: SourceLag) => string) => sources.every((one) => of(one) === of(first));
  if (sources.length > 1 && isAlike(({ shard }) => shard) && isJust(({ shard }) => shard === first.shard))
    return `tributary resume --shard ${shellWord(first.shard)}`;
  if (
    sources.length > 1 &&
    isAlike(({ centralQueue }) => centralQueue) &&
    isJust(({ centralQueue }) => centralQueue === first.centralQueue)
  )
    return `tributary resume --queue ${shellWord(first.centralQueue)}`;
  if (sources.length > 1 && isJust(() => true)) return 'tributary resume';
  return `tributary resume --shard ${shellWord(first.shard)} --queue ${shellWord(first.queue)}`;
}

function longest(ages: readonly (number | undefined)[]): number | undefined {
  const known = ages.filter((age) => age !== undefined);
  return known.length === 0 ? undefined : known.reduce((most, age) => Math.max(most, age), 0);
}
