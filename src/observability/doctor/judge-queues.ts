// Why central queues are not worked off, or not quickly enough, with the numbers that follow from the rates of the last
// minute. Pure.
import type { Queue } from '../../config/config.ts';
import { sentenceAge } from '../../errors/age.ts';
import { counted } from '../../errors/words.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { type CentralLag, catchUpSeconds, isLate } from '../lag/report.ts';
import { type Cause, diagnosis, isCause } from './causes.ts';
import type { Diagnosis } from './diagnosis.ts';

type QueueOfFile = Pick<Queue, 'name' | 'ratePerSecond'>;

/** @param queues what is worked, with its limits. @param at of the report, for times of day. */
export function queueDiagnoses(
  central: readonly CentralLag[],
  { queues, at }: { readonly queues: readonly QueueOfFile[]; readonly at: Date },
): Diagnosis[] {
  const withoutUpkeep = central.find(({ cause }) => cause === 'no-upkeep');
  return [
    ...central.flatMap((queue) => {
      const rate = queues.find(({ name }) => name === queue.queue)?.ratePerSecond;
      return (stated(queue) ?? computed(queue, { rate, at })) || [];
    }),
    ...(withoutUpkeep === undefined
      ? []
      : [diagnosis('no-upkeep', ['central'], { severity: 'broken', sentence: withoutUpkeep.reason ?? '' })]),
  ];
}

/** Causes that `lag` knows. */
function stated(queue: CentralLag): Diagnosis | undefined {
  const { reason, queue: name, retrying } = queue;
  if (reason === undefined || queue.cause === 'no-upkeep') return undefined;
  const cause = isCause(queue.cause) ? queue.cause : 'workers-stuck';
  const command = commandFor(cause, queue);
  return diagnosis(cause, [name], {
    severity: severityOf(cause, queue),
    sentence: withoutRemedy(cause, reason),
    evidence: [
      ...waitingOf(queue),
      ...(retrying === 0 ? [] : [`${counted(retrying, 'event')} to be tried again`]),
      ...deadOf(queue),
    ],
    ...(command !== undefined && { command }),
  });
}

/** Sentences of `lag` that end in what to do, which is said apart here. */
const WITH_REMEDY: readonly Cause[] = [
  'delayed-late',
  'queue-missing',
  'group-missing',
  'no-worker',
  'parked',
  'workers-missing',
  'group-left',
  'lanes-differ',
  'key-paused',
];

function withoutRemedy(cause: Cause, reason: string): string {
  const at = WITH_REMEDY.includes(cause) ? reason.lastIndexOf(': ') : -1;
  return at === -1 ? reason : `${reason.slice(0, at)}.`;
}

/** Nothing stands still for them alone. */
const RISKS: readonly Cause[] = ['parked', 'workers-missing', 'group-left', 'lanes-differ', 'key-paused'];

function severityOf(cause: Cause, { secondsBehind }: CentralLag): Diagnosis['severity'] {
  if (!RISKS.includes(cause)) return 'broken';
  return isLate(secondsBehind, TIMING.doctor.lateSeconds) ? 'broken' : 'risk';
}

function commandFor(cause: Cause, { queue }: CentralLag): string | undefined {
  switch (cause) {
    case 'lanes-differ':
    case 'queue-missing':
    case 'group-missing':
      return 'tributary install';
    case 'no-worker':
      return 'tributary work';
    case 'handler-unusable':
    case 'workers-stuck':
    case 'handler-fails':
      return 'tributary reload --workers';
    case 'delayed-late':
      return `tributary delayed list --queue ${queue}`;
    case 'group-left':
      return `tributary group remove ${queue}`;
    case 'key-paused':
      return `tributary lane list --queue ${queue}`;
    case 'parked':
      return `tributary scale ${queue} --reset`;
    default:
      return undefined;
  }
}

/** What follows from the rates where events wait for long and nothing else is wrong. */
function computed(
  queue: CentralLag,
  { rate, at }: { readonly rate: number | undefined; readonly at: Date },
): Diagnosis | undefined {
  const { queue: name, workersWanted, secondsBehind, inPerSecond, outPerSecond } = queue;
  if (workersWanted === undefined) return undefined;
  const isOver = isLate(secondsBehind, TIMING.doctor.lateSeconds);
  const isGrowing =
    inPerSecond !== undefined && outPerSecond !== undefined && inPerSecond > outPerSecond * STEADY;
  if (!isOver && !(isGrowing && isLate(secondsBehind, TIMING.doctor.growingSeconds))) return undefined;
  const severity = isOver ? 'broken' : 'risk';
  const evidence = [...waitingOf(queue), ...batchesOf(queue)];
  const left = catchUpSeconds(queue);
  if (left !== undefined && !isGrowing)
    return diagnosis('catching-up', [name], {
      severity,
      sentence: `Queue ${name}: ${workersOf(queue)} ${rateText(outPerSecond)}/s, ${rateText(inPerSecond)}/s arrive; drained at about ${timeOfDay(at, left)}.`,
      evidence,
    });
  if (rate !== undefined && outPerSecond !== undefined && outPerSecond > rate * NEARLY)
    return diagnosis('rate-reached', [name], {
      severity,
      sentence: `Queue ${name}: its \`rate:\` of ${rateText(rate)}/s is reached, ${rateText(inPerSecond)}/s arrive.`,
      evidence,
    });
  const needed = workersNeeded(queue);
  const isSlow = secondsAnEvent(queue) > TIMING.doctor.slowEventSeconds;
  const holds = needed === undefined ? '' : `; ${needed} hold this rate`;
  const pace = isSlow ? `its handler takes about ${sentenceAge(secondsAnEvent(queue))} an event, ` : '';
  return diagnosis(isSlow ? 'handler-slow' : 'too-few-workers', [name], {
    severity,
    sentence:
      secondsBehind === undefined
        ? `Queue ${name}: how long its events have waited is not known.`
        : outPerSecond === undefined
          ? `Queue ${name}: its oldest event has waited for ${sentenceAge(secondsBehind)} to be handled; how much its workers handle is not known yet.`
          : `Queue ${name}: ${pace}${workersOf(queue)} ${rateText(outPerSecond)}/s, ${rateText(inPerSecond)}/s arrive${holds}.`,
    evidence,
    ...(needed !== undefined && { command: `tributary scale ${name} ${needed}` }),
  });
}

/** What arrives may differ from what is handled by so much without a backlog that grows. */
const STEADY = 1.05;
/** Of a rate limit: grants are not spent to the last. */
const NEARLY = 0.85;

/** Seconds of a worker for an event, as far as the rates show; those of a batch at hand where they show none. */
function secondsAnEvent({ outPerSecond = 0, workersRunning, batches }: CentralLag): number {
  if (outPerSecond > 0) return workersRunning / outPerSecond;
  const [longest] = batches;
  return longest === undefined ? 0 : longest.seconds / Math.max(1, longest.done);
}

/** As many as handle what arrives, at the rate of those that run; undefined: not known, or no more than run. */
function workersNeeded({
  inPerSecond,
  outPerSecond = 0,
  workersRunning,
  workersWanted = 0,
}: CentralLag): number | undefined {
  if (inPerSecond === undefined || outPerSecond <= 0 || workersRunning === 0) return undefined;
  const needed = Math.ceil((inPerSecond / outPerSecond) * workersRunning);
  return needed > Math.max(workersRunning, workersWanted) ? needed : undefined;
}

const workersOf = ({ workersRunning }: CentralLag): string =>
  workersRunning === 1 ? '1 worker handles' : `${counted(workersRunning, 'worker')} handle`;

function waitingOf({ eventsBehind = 0, isExact, secondsBehind }: CentralLag): string[] {
  if (eventsBehind === 0) return [];
  const oldest = secondsBehind === undefined ? [] : [`the oldest for ${sentenceAge(secondsBehind)}`];
  return [
    `${isExact ? '' : 'about '}${counted(eventsBehind, 'event')} wait${eventsBehind === 1 ? 's' : ''}`,
    ...oldest,
  ];
}

const deadOf = ({ dead }: CentralLag): string[] => (dead === 0 ? [] : [`${counted(dead, 'dead event')}`]);

const batchesOf = ({ batches }: CentralLag): string[] =>
  batches.slice(0, 1).map(({ slot, done, events, seconds }) => {
    const of = events === undefined ? '' : ` of about ${counted(events, 'event')}`;
    return `${slot} is at ${done}${of} of a batch, since ${sentenceAge(seconds)}`;
  });

/** Rounded to what it is worth. */
export function rateText(perSecond: number | undefined): string {
  if (perSecond === undefined) return 'an unknown number';
  return perSecond < 10
    ? String(Math.round(perSecond * 10) / 10)
    : Math.round(perSecond).toLocaleString('en-US');
}

/** `14:20`, with the date where that is another day. */
export function timeOfDay(at: Date, seconds: number): string {
  const then = new Date(at.getTime() + seconds * 1000);
  const pad = (value: number) => String(value).padStart(2, '0');
  const time = `${pad(then.getHours())}:${pad(then.getMinutes())}`;
  if (then.toDateString() === at.toDateString()) return time;
  return `${then.getFullYear()}-${pad(then.getMonth() + 1)}-${pad(then.getDate())} ${time}`;
}
