// When a schedule is due: which times between two moments go in, and which are passed over. Pure.
//
// Daylight saving: a time of day that a spring night leaves out is due at the end of the gap, and one that an autumn night has
// twice is due the first time; what is due every hour or minute is so in real hours and minutes.
import { Cron } from 'croner';
import type { Schedule } from '../config/config.ts';
import { TIMING } from '../lifecycle/timing.ts';

/** Most times that are decided at once; the rest follows. */
const MOST_AT_ONCE = 1_000;

export interface ScheduleDecision {
  /** In ms since 1970: the times that go in, the oldest first. */
  readonly due: readonly number[];
  /** Missed times that do not; `missed: once` and `skip` leave some out. At most a thousand are counted at once. */
  readonly passedOver: number;
  /** Up to here all is decided. */
  readonly untilMs: number;
}

type Times = Pick<Schedule, 'cron' | 'zone' | 'missed'>;

/** What is due behind `lastMs`, up to `nowMs`; both by central's clock. A clock that was set back decides nothing. */
export function decide(schedule: Times, lastMs: number, nowMs: number): ScheduleDecision {
  if (nowMs <= lastMs) return { due: [], passedOver: 0, untilMs: lastMs };
  const cron = parsed(schedule);
  if (schedule.missed === 'all') return upTo(timesIn(cron, lastMs, nowMs), { passedOver: 0, nowMs });
  const onTimeFromMs = Math.max(lastMs, nowMs - TIMING.schedules.onTimeMs);
  const missed = backwards(cron, lastMs, onTimeFromMs);
  const onTime = timesIn(cron, onTimeFromMs, nowMs);
  const [newest] = missed;
  if (schedule.missed === 'skip' || newest === undefined)
    return upTo(onTime, { passedOver: missed.length, nowMs });
  return upTo([newest, ...onTime], { passedOver: missed.length - 1, nowMs });
}

/** The next time behind a moment; undefined: there is none. */
export function nextAfter(schedule: Omit<Times, 'missed'>, ms: number): number | undefined {
  return parsed(schedule).nextRun(new Date(ms))?.getTime();
}

const parsed = ({ cron, zone }: Pick<Schedule, 'cron' | 'zone'>): Cron =>
  new Cron(cron, { timezone: zone, paused: true });

function timesIn(cron: Cron, fromMs: number, toMs: number): number[] {
  const times: number[] = [];
  for (let at = cron.nextRun(new Date(fromMs)); at !== null; at = cron.nextRun(at)) {
    if (at.getTime() > toMs || times.length > MOST_AT_ONCE) break;
    times.push(at.getTime());
  }
  return times;
}

/** Up to a thousand of them, the newest first. */
function backwards(cron: Cron, fromMs: number, toMs: number): number[] {
  if (toMs <= fromMs) return [];
  // It looks for times before the one that it is given, in whole seconds.
  return cron
    .previousRuns(MOST_AT_ONCE, new Date(Math.floor(toMs / 1_000) * 1_000 + 1_000))
    .map((at) => at.getTime())
    .filter((ms) => ms > fromMs && ms <= toMs);
}

function upTo(
  times: readonly number[],
  { passedOver, nowMs }: { readonly passedOver: number; readonly nowMs: number },
): ScheduleDecision {
  const due = times.slice(0, MOST_AT_ONCE);
  const last = due.at(-1);
  return { due, passedOver, untilMs: times.length > due.length && last !== undefined ? last : nowMs };
}
