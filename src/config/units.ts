// Durations, sizes and rates as people write them: `30s`, `1h30m`, `256MB`, `50/s`. A bare number has no meaning here,
// except 0.

const DURATIONS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
];
const DURATION_WORDS: Readonly<Record<string, number>> = { ...Object.fromEntries(DURATIONS), min: 60_000 };

/** As in PostgreSQL: a kB has 1024 bytes. */
const SIZES: readonly (readonly [string, number])[] = [
  ['TB', 2 ** 40],
  ['GB', 2 ** 30],
  ['MB', 2 ** 20],
  ['kB', 2 ** 10],
  ['B', 1],
];
const SIZE_WORDS: Readonly<Record<string, number>> = {
  ...Object.fromEntries(SIZES.flatMap(([unit, bytes]) => [[unit.toLowerCase(), bytes]])),
  ...{ kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30, tib: 2 ** 40 },
};

/** What is wrong with the text, as the end of a sentence that starts with its key. */
export class BadUnit extends Error {}

/** `1h30m` in ms. @throws BadUnit */
export function parseDuration(text: string): number {
  const parts = split(text, DURATION_WORDS, {
    wanted: 'a duration such as `500ms`, `30s`, `5m`, `2h` or `1d`',
    bare: (number) => `needs a unit: write \`${number}s\` for seconds or \`${number}ms\` for milliseconds`,
  });
  return total(parts, text);
}

/** `256MB` in bytes. @throws BadUnit */
export function parseSize(text: string): number {
  const parts = split(text, SIZE_WORDS, {
    wanted: 'a size such as `64kB`, `256MB` or `1GB`',
    bare: (number) => `needs a unit: write \`${number}MB\` for megabytes or \`${number}kB\` for kilobytes`,
  });
  return total(parts, text);
}

const PER_SECOND: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600 };

/** `50/s`, `10/m`, `100/h` as a number a second. @throws BadUnit */
export function parseRate(text: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)\s*\/\s*(s|m|h)$/i.exec(text.trim()) ?? [];
  const perSecond = Number(number) / (PER_SECOND[unit.toLowerCase()] ?? Number.NaN);
  if (!(perSecond > 0)) throw new BadUnit('must be a rate above 0 such as `50/s`, `10/m` or `100/h`');
  return perSecond;
}

/** The shortest text that `parseDuration` reads back as `ms`. */
export const formatDuration = (ms: number): string => format(ms, DURATIONS, 's');

interface Words {
  readonly wanted: string;
  bare(number: string): string;
}

function split(text: string, units: Readonly<Record<string, number>>, { wanted, bare }: Words): number[] {
  // Callers in JavaScript give numbers and whatever else.
  const trimmed = String(text).trim();
  if (/^0+$/.test(trimmed)) return [0];
  if (/^\d+(\.\d+)?$/.test(trimmed)) throw new BadUnit(bare(trimmed));
  const matches = [...trimmed.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]+)\s*/gi)];
  if (matches.length === 0 || matches.map(([all]) => all).join('') !== trimmed) {
    throw new BadUnit(`must be ${wanted}`);
  }
  return matches.map(([, number, unit]) => {
    const factor = units[(unit ?? '').toLowerCase()];
    if (factor === undefined) throw new BadUnit(`must be ${wanted}`);
    return Number(number) * factor;
  });
}

function total(parts: readonly number[], text: string): number {
  const sum = Math.round(parts.reduce((all, part) => all + part, 0));
  if (!Number.isSafeInteger(sum)) throw new BadUnit(`is too large: \`${String(text).slice(0, 40)}\``);
  return sum;
}

function format(value: number, units: readonly (readonly [string, number])[], zero: string): string {
  let rest = value;
  let text = '';
  for (const [unit, factor] of units) {
    const amount = Math.floor(rest / factor);
    if (amount > 0) text += `${amount}${unit}`;
    rest -= amount * factor;
  }
  return text === '' ? `0${zero}` : text;
}
