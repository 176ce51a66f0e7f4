// Formats results: aligned tables for people, JSON for programs, and numbers in words.
import { sentenceAge } from '../../errors/age.ts';
import { asciiText, unspelledJson } from '../../lifecycle/ascii.ts';
import { plain, plainJson, plainLines } from '../../lifecycle/plain.ts';
import type { Output } from '../context.ts';

export type Cell = string | number | boolean | null | undefined;

export interface Column<Row> {
  readonly title: string;
  value(row: Row): Cell;
  /** Default: right where every cell is a number. */
  readonly align?: 'left' | 'right';
  /** The column goes first where lines may not be this long, so that others keep their room. */
  readonly from?: number;
}

export interface TableOptions {
  /** Longest line; absent: as long as it gets. The widest text columns are cut first, ending in `…`. */
  readonly width?: number | undefined;
}

const GAP = '  ';
const NARROWEST = 8;

/** A table with a title row, ending in a newline; numbers get thousands separators, absent values a dash. */
export function table<Row>(
  all: readonly Column<Row>[],
  rows: readonly Row[],
  { width }: TableOptions = {},
): string {
  const columns = all.filter(({ from = 0 }) => width === undefined || width >= from);
  const cells = rows.map((row) => columns.map((column) => column.value(row)));
  const texts = cells.map((row) => row.map(textOf));
  const isRight = columns.map(({ align }, at) => (align ?? alignOf(cells.map((row) => row[at]))) === 'right');
  const widths = narrow(
    columns.map(({ title }, at) => Math.max(title.length, ...texts.map((row) => lengthOf(row[at] ?? '')))),
    width,
  );
  const line = (row: readonly string[]) =>
    row
      .map((text, at) => pad(cut(text, widths[at] ?? 0), widths[at] ?? 0, isRight[at] ?? false))
      .join(GAP)
      .trimEnd();
  return [columns.map(({ title }) => title), ...texts].map((row) => `${line(row)}\n`).join('');
}

/** One document, for `--json`: every text as it is. */
export const json = (value: unknown): string => documentOf(JSON.stringify(value, null, 2));

/** The same on one line. */
export const jsonLine = (value: unknown): string => documentOf(JSON.stringify(value));

const documentOf = (text: string): string => `${plainJson(unspelledJson(text))}\n`;

/** The width that a table may use: the terminal's, and no limit in a pipe or a file. */
export const widthOf = (stdout: Output): number | undefined => (stdout.isTTY ? stdout.columns : undefined);

/** `1,234` */
export const count = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: 3 });

/** `0.3 s`, `12 s`, `3 m 20 s`, `2 h 5 m`, `3 d 4 h`; at most two units. */
export function seconds(value: number): string {
  if (value < 10) return `${Math.max(0, Math.round(value * 10) / 10)} s`;
  return sentenceAge(value);
}

/** An output that removes control characters, wherever its texts come from. */
export const harmless = (output: Output): Output => spelling(output, plainLines);

/** An output that turns texts into ASCII. */
export const inAscii = (output: Output): Output => spelling(output, asciiText, { isAscii: true });

const spelling = (
  output: Output,
  spelled: (text: string) => string,
  { isAscii = output.isAscii === true } = {},
): Output => ({
  isAscii,
  write: (text) => output.write(spelled(text)),
  get isTTY() {
    return output.isTTY as boolean;
  },
  get columns() {
    return output.columns as number;
  },
  get rows() {
    return output.rows as number;
  },
});

function textOf(cell: Cell): string {
  if (cell === null || cell === undefined || cell === '') return '-';
  if (typeof cell === 'number') return count(cell);
  if (typeof cell === 'boolean') return cell ? 'yes' : 'no';
  return plain(cell);
}

function alignOf(cells: readonly Cell[]): 'left' | 'right' {
  const shown = cells.filter((cell) => cell !== null && cell !== undefined && cell !== '');
  return shown.length > 0 && shown.every((cell) => typeof cell === 'number') ? 'right' : 'left';
}

/** Narrows the widest columns, one character at a time, none below NARROWEST. */
function narrow(widths: readonly number[], limit: number | undefined): number[] {
  const fitted = [...widths];
  const total = () => fitted.reduce((sum, width) => sum + width, 0) + GAP.length * (fitted.length - 1);
  while (limit !== undefined && total() > limit) {
    const widest = fitted.indexOf(Math.max(...fitted));
    if ((fitted[widest] ?? 0) <= NARROWEST) break;
    fitted[widest] = (fitted[widest] ?? 0) - 1;
  }
  return fitted;
}

const lengthOf = (text: string): number => [...text].length;

function cut(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join('')}…`;
}

function pad(text: string, width: number, isRight: boolean): string {
  const space = ' '.repeat(Math.max(0, width - lengthOf(text)));
  return isRight ? space + text : text + space;
}
