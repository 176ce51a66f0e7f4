// Reads the options of `tributary demo`, or says what is wrong with them.
import type { HttpAddress } from '../../config/config.ts';
import { parseListen } from '../../config/sections/settings.ts';
import { BadUnit, formatDuration, parseDuration } from '../../config/units.ts';
import { EXIT, Exit } from '../exit.ts';
import { FILE_SHARDS } from './file.ts';

export interface RawOptions {
  readonly shards: string;
  readonly rate: string;
  readonly for: string;
  readonly keep?: true;
  /** True: where there is a free port. */
  readonly http?: string | true;
}

export interface DemoOptions {
  readonly shards: number;
  /** Events a second over all shards. */
  readonly rate: number;
  readonly forMs: number;
  readonly isKept: boolean;
  /** Where the dashboard is served; port 0: a free one. */
  readonly http: HttpAddress | undefined;
}

export const DEFAULTS = { shards: String(FILE_SHARDS), rate: '2000', for: '15s' } as const;

const MAX_SHARDS = 64;
const MAX_RATE = 1_000_000;
const MIN_FOR_MS = 2_000;
/** The proof reads whole event tables, and PgQ empties the oldest after two hours. */
const MAX_FOR_MS = 3_600_000;

/** @throws Exit with a sentence. */
export function readOptions({ shards, rate, for: duration, keep, http }: RawOptions): DemoOptions {
  return {
    shards: whole('--shards', shards, MAX_SHARDS),
    rate: whole('--rate', rate, MAX_RATE),
    forMs: between('--for', duration, { min: MIN_FOR_MS, max: MAX_FOR_MS }),
    isKept: keep === true,
    http: http === undefined ? undefined : address(http === true ? ':0' : http),
  };
}

function address(text: string): HttpAddress {
  const http = parseListen(text);
  if (http !== undefined) return http;
  throw new Exit(
    EXIT.wrong,
    `--http must be a port or an address such as :7717 or 127.0.0.1:7717, not ${text}.`,
  );
}

function whole(option: string, text: string, max: number): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > max)
    throw new Exit(EXIT.wrong, `${option} must be a whole number from 1 to ${max}, not ${text}.`);
  return number;
}

function between(option: string, text: string, { min, max }: { min: number; max: number }): number {
  try {
    const ms = parseDuration(text);
    if (ms >= min && ms <= max) return ms;
  } catch (error) {
    if (!(error instanceof BadUnit)) throw error;
    throw new Exit(EXIT.wrong, `${option} ${error.message}.`);
  }
  throw new Exit(
    EXIT.wrong,
    `${option} must be from ${formatDuration(min)} to ${formatDuration(max)}, not ${text}.`,
  );
}
