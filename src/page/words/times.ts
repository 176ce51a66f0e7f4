// Durations and times of day as people read them. Pure.
import { UNKNOWN } from './numbers.ts';

const STEPS = [
  { unit: 'd', seconds: 86_400 },
  { unit: 'h', seconds: 3_600 },
  { unit: 'm', seconds: 60 },
] as const;

/** 180 ms, 0.3 s and 12 s; 3 m 20 s; 2 h 5 m; 3 d 4 h: at most two parts. */
export function shortSeconds(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return UNKNOWN;
  if (seconds < 0) return '0 s';
  if (seconds < 9.95) return `${seconds.toFixed(1).replace(/\.0$/, '')} s`;
  const whole = Math.round(seconds);
  const at = STEPS.findIndex((step) => whole >= step.seconds);
  const step = STEPS[at];
  if (step === undefined) return `${whole} s`;
  const below = STEPS[at + 1] ?? { unit: 's', seconds: 1 };
  const rest = Math.floor((whole % step.seconds) / below.seconds);
  const first = `${Math.floor(whole / step.seconds)} ${step.unit}`;
  return rest === 0 ? first : `${first} ${rest} ${below.unit}`;
}

/** For what is short: 4.2 ms, 180 ms, 1.2 s. */
export function shortLatency(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || seconds >= 0.9995) return shortSeconds(seconds);
  const ms = seconds * 1_000;
  return `${ms < 9.95 ? ms.toFixed(1).replace(/\.0$/, '') : Math.round(ms)} ms`;
}

/** 12:01:44, in the reader's time zone. */
export function clockTime(at: Date): string {
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map(twoFigures).join(':');
}

/** 12:01:44 on the day of `now`, else 2026-11-30 12:01. */
export function shownTime(iso: string, now: string): string {
  const [at, today] = [new Date(iso), new Date(now)];
  if (Number.isNaN(at.getTime())) return UNKNOWN;
  return at.toDateString() === today.toDateString() ? clockTime(at) : dayAndTime(at);
}

/** 12:01:44.084, and with its day where that is not the day of `now`. */
export function preciseTime(iso: string, now: string): string {
  const [at, today] = [new Date(iso), new Date(now)];
  if (Number.isNaN(at.getTime())) return UNKNOWN;
  const day = at.toDateString() === today.toDateString() ? '' : `${dayAndTime(at).slice(5, 10)} `;
  return `${day}${clockTime(at)}.${String(at.getMilliseconds()).padStart(3, '0')}`;
}

/** 2026-11-30 12:01. */
function dayAndTime(at: Date): string {
  const day = [at.getFullYear(), twoFigures(at.getMonth() + 1), twoFigures(at.getDate())].join('-');
  return `${day} ${twoFigures(at.getHours())}:${twoFigures(at.getMinutes())}`;
}

/** Seconds from one time to another; null where either is no time. */
export function secondsBetween(from: string, to: string): number | null {
  const seconds = (Date.parse(to) - Date.parse(from)) / 1_000;
  return Number.isFinite(seconds) ? seconds : null;
}

const twoFigures = (value: number): string => String(value).padStart(2, '0');
