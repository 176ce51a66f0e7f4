// The tables of a page, as a test compares them with the code.
import { readFileSync } from 'node:fs';
import { packagePath } from '../../../src/lifecycle/package-root.ts';

/**
 * The rows below the head of the first table under a heading, as they are written.
 *
 * @param page from the package's root.
 * @param heading without its number signs.
 */
export function rowsUnder(page: string, heading: string): string[] {
  const lines = readFileSync(packagePath(page), 'utf8').split('\n');
  const from = lines.findIndex((line) => line.startsWith('#') && line.replace(/^#+ /, '') === heading);
  if (from === -1) throw new Error(`${page} has no heading "${heading}".`);
  const section = lines.slice(from + 1);
  const next = section.findIndex((line) => /^#+ /.test(line));
  const own = next === -1 ? section : section.slice(0, next);
  const head = own.findIndex((line) => /^\| ---/.test(line));
  const rows = own.slice(head + 1);
  const end = rows.findIndex((line) => !line.startsWith('|'));
  return head === -1 ? [] : rows.slice(0, end === -1 ? rows.length : end);
}

/** A row of a table. */
export const rowOf = (...cells: readonly string[]): string =>
  `|${cells.map((cell) => (cell === '' ? ' ' : ` ${cell} `)).join('|')}|`;

/** The cells of a row. */
export const cellsOf = (row: string): string[] =>
  row
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());

/** The names in code spans of a cell. */
export const namesOf = (cell: string): string[] =>
  [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
