// Fits text to a terminal: breaks sentences between words, and cuts a picture to the rows and columns there are.
import { asciiText } from '../../lifecycle/ascii.ts';
import type { Output } from '../context.ts';

/** Columns of a terminal that does not tell. */
const COLUMNS = 80;
const ROWS = 24;

/** Lines are never broken to less than this. */
const NARROWEST = 20;

/**
 * Breaks every line between words where it is longer than `width`; its further lines have the same indent.
 * @param width absent: lines may be of any length.
 */
export function wrapped(text: string, width: number | undefined): string {
  if (width === undefined) return text;
  return text
    .split('\n')
    .flatMap((line) => brokenLine(line, Math.max(NARROWEST, width)))
    .join('\n');
}

function brokenLine(line: string, width: number): string[] {
  const indent = /^ */.exec(line)?.[0] ?? '';
  const lines: string[] = [];
  let rest = line;
  while (rest.length > width) {
    const space = rest.lastIndexOf(' ', width);
    if (space <= indent.length) break;
    lines.push(rest.slice(0, space).trimEnd());
    rest = indent + rest.slice(space).trimStart();
  }
  return [...lines, rest];
}

/**
 * Cuts a picture that is redrawn: lines that wrap or scroll away could not be erased.
 * @param besides rows that are needed for other output.
 * @returns its first lines, each with its beginning; it ends in a newline.
 */
export function fitted(
  text: string,
  { columns = COLUMNS, rows = ROWS, isAscii = false }: Output,
  besides: number,
): string {
  const lines = (isAscii ? asciiText(text) : text).trimEnd().split('\n');
  const room = Math.max(1, rows - besides);
  const shown = lines.length <= room ? lines : [...lines.slice(0, room - 1), '…'];
  return `${shown.map((line) => [...line].slice(0, Math.max(1, columns)).join('')).join('\n')}\n`;
}
