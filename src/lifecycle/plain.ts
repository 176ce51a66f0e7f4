// Makes text from events, names and errors safe to show: no control characters that steer a terminal or imitate other output.
import { stripVTControlCharacters } from 'node:util';

/** Controls, separators of lines, and what changes the direction of writing. */
const CONTROLS = String.raw`\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069`;
const RUNS = new RegExp(`[${CONTROLS}]+`, 'gu');
const SINGLE = new RegExp(`(?!\\n)[${CONTROLS}]`, 'gu');

/** On one line. */
export const plain = (text: string): string => stripVTControlCharacters(text).replace(RUNS, ' ');

/** On the same lines. */
export const plainLines = (text: string): string => text.split(/\r?\n/).map(plain).join('\n');

/** JSON of the same meaning with control characters escaped, also those that JSON allows as they are. */
export const plainJson = (json: string): string =>
  json.replace(SINGLE, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
