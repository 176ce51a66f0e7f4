// Columns of figures over time as paths of an SVG. Pure.

export interface Box {
  readonly width: number;
  readonly height: number;
  /** The times at its left and right edge. */
  readonly from: number;
  readonly to: number;
  /** The figure at its upper edge. */
  readonly top: number;
}

type Column = readonly (number | null)[];

/** A line that is interrupted where nothing was measured. */
export function linePath(at: readonly number[], values: Column, box: Box): string {
  return runsOf(at, values)
    .map((run) => run.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${place(x, y, box)}`).join(''))
    .join('');
}

/** The same, filled down to zero. */
export function areaPath(at: readonly number[], values: Column, box: Box): string {
  return runsOf(at, values)
    .map((run) => {
      const [first, last] = [run[0], run.at(-1)];
      if (first === undefined || last === undefined) return '';
      const line = run.map(([x, y]) => `L${place(x, y, box)}`).join('');
      return `M${place(first[0], 0, box)}${line}L${place(last[0], 0, box)}Z`;
    })
    .join('');
}

export function largest(...columns: readonly Column[]): number {
  return columns.flat().reduce<number>((most, value) => Math.max(most, value ?? 0), 0);
}

export function xOf(at: number, { from, to, width }: Box): number {
  return rounded(((at - from) / Math.max(1, to - from)) * width);
}

function place(at: number, value: number, box: Box): string {
  const share = box.top <= 0 ? 0 : Math.min(1, value / box.top);
  return `${xOf(at, box)} ${rounded(box.height - share * box.height)}`;
}

/** Consecutive figures, without those that were not measured. */
function runsOf(at: readonly number[], values: Column): [at: number, value: number][][] {
  const runs: [number, number][][] = [[]];
  values.forEach((value, i) => {
    const time = at[i];
    if (value === null || time === undefined) {
      if (runs.at(-1)?.length !== 0) runs.push([]);
    } else runs.at(-1)?.push([time, value]);
  });
  return runs.filter((run) => run.length > 0);
}

const rounded = (value: number): number => Math.round(value * 10) / 10;
