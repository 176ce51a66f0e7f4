// What a bench prints: a table for people, then one line of JSON.

export type Figures = Readonly<Record<string, string | number>>;

export function report(name: string, figures: Figures): void {
  const width = Math.max(...Object.keys(figures).map(({ length }) => length));
  const lines = Object.entries(figures).map(([key, value]) => `${key.padEnd(width)}  ${shown(value)}`);
  process.stdout.write(`\n${name}\n${lines.join('\n')}\n${JSON.stringify({ bench: name, ...figures })}\n`);
}

function shown(value: string | number): string {
  if (typeof value === 'string') return value;
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en-US') : value.toFixed(2);
}

/** p in 0..1 of sorted or unsorted values; NaN for none. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN;
}
