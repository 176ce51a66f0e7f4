// Numbers as people read them: short, with a unit, and a dash where nothing is known. Pure.

export const UNKNOWN = '–';

const UNITS = ['', ' k', ' M', ' G', ' T'];

/** 0.4, 12, 1,234, 12.3 k, 4.56 M: three figures, and four where they need no unit. */
export function shortCount(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return UNKNOWN;
  if (value < 0) return `-${shortCount(-value)}`;
  if (value < 9_999.5) return small(value);
  let [scaled, unit] = [value, 0];
  while (scaled >= 999.5 && unit < UNITS.length - 1) {
    scaled /= 1_000;
    unit += 1;
  }
  return `${threeFigures(scaled)}${UNITS[unit]}`;
}

/** 1,234,567: all figures. */
export const wholeCount = (value: number): string => grouped(Math.round(value));

/** 480/s, 1.2 k/s. */
export function shortRate(perSecond: number | null | undefined): string {
  if (perSecond === null || perSecond === undefined) return UNKNOWN;
  const text = perSecond >= 999.5 ? thousands(perSecond) : shortCount(perSecond);
  return `${text}/s`;
}

/** 512 B, 12.4 MB. */
export function shortBytes(bytes: number | null | undefined): string {
  if (bytes === null || bytes === undefined) return UNKNOWN;
  if (bytes < 1_000) return `${Math.round(bytes)} B`;
  let [scaled, unit] = [bytes / 1_000, 1];
  while (scaled >= 999.5 && unit < UNITS.length - 1) {
    scaled /= 1_000;
    unit += 1;
  }
  return `${threeFigures(scaled)} ${(UNITS[unit] ?? '').trim()}B`.replace(' kB', ' kB');
}

/** `1 event`, `12,345 events`. */
export const countOf = (value: number, one: string, many = `${one}s`): string =>
  `${wholeCount(value)} ${Math.round(value) === 1 ? one : many}`;

const grouped = (value: number): string => String(value).replace(/\B(?=(\d{3})+$)/g, ',');

function small(value: number): string {
  if (value >= 9.95 || Number.isInteger(value)) return grouped(Math.round(value));
  return value < 0.05 && value > 0 ? '<0.1' : value.toFixed(1).replace(/\.0$/, '');
}

function thousands(value: number): string {
  return value < 9_999.5 ? `${threeFigures(value / 1_000)} k` : shortCount(value);
}

const threeFigures = (value: number): string =>
  value >= 99.95 ? value.toFixed(0) : value >= 9.995 ? value.toFixed(1) : value.toFixed(2).replace(/0$/, '');
