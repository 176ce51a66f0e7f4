// The errors of spools, as sentences.
import { TributaryError } from '../errors/tributary-error.ts';

const sentence = (code: 'spool' | 'spool-full', what: string, remedy: string, cause?: unknown) =>
  new TributaryError(what, { code, kind: code === 'spool' ? 'misconfigured' : 'retryable', remedy, cause });

export const spoolMistake = (what: string, remedy: string, cause?: unknown) =>
  sentence('spool', what, remedy, cause);

export const spoolFull = (what: string, remedy: string, cause?: unknown) =>
  sentence('spool-full', what, remedy, cause);

/** Spools diverged from what their shard knows: an operator decides. */
export const spoolDiverged = (what: string, remedy: string) =>
  new TributaryError(what, { code: 'spool-diverged', kind: 'halting', remedy });

/** `12 MB`, rounded. */
export function sizeInWords(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let [value, at] = [bytes, 0];
  for (; value >= 1024 && at < units.length - 1; at += 1) value /= 1024;
  return `${Number(value.toPrecision(3))} ${units[at]}`;
}
