// What a bench prints: a table for people, then one line of JSON.

export type Figures = Readonly<Record<string, string | number>>;

export function report(name: string, figures: Figures): void {
  const width = Math.max(...Object.keys(figures).map(({ length }) => length));
  const lines = Object.entries(figures).map(([key, value]) => `${key.padEnd(width)}  ${shown(value)}`);
  process.stdout.write(`\n${name}\n${lines.join('\n')}\n${JSON.stringify({ bench: name, ...figures })}\n`);
}

/** The same for several things with the same figures: a row each. */
export function reportRows(name: string, rows: Readonly<Record<string, Figures>>): void {
  const columns = [...new Set(Object.values(rows).flatMap(Object.keys))];
  const lines = [
    ['', ...columns],
    ...Object.entries(rows).map(([row, figures]) => [
      row,
      ...columns.map((column) => (figures[column] === undefined ? '' : shown(figures[column]))),
    ]),
  ];
  const widths = lines[0]?.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0))) ?? [];
  const padded = lines.map((line) =>
    line
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join('  '),
  );
  process.stdout.write(`\n${name}\n${padded.join('\n')}\n${JSON.stringify({ bench: name, rows })}\n`);
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
