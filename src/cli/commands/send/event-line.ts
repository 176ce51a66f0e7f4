// One line of NDJSON → one event to insert. Pure.
import { nearest } from '../../../config/nearest.ts';
import type { NewEvent } from '../../../queue/produce.ts';

/** The mistake, as a sentence that does not name the line. */
export class BadLine extends Error {}

const KEYS = ['type', 'data', 'extra1', 'extra2', 'extra3', 'extra4'] as const;
const EXAMPLE = '{"type":"created","data":{"id":1}}';

/**
 * `data` may be any JSON: text stays text, null is null, anything else keeps the JSON as it was written, digit by digit.
 * @throws BadLine
 */
export function parseEventLine(line: string, { type }: { type?: string | undefined } = {}): NewEvent {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new BadLine(`is no JSON: write one object per line, such as ${EXAMPLE}.`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new BadLine(`is no JSON object: write one per line, such as ${EXAMPLE}.`);
  }
  const event: Partial<Record<(typeof KEYS)[number], string | null>> = { type: type ?? null };
  for (const [key, content] of Object.entries(value)) event[knownKey(key)] = textOf(key, content, line);
  return event;
}

function knownKey(key: string): (typeof KEYS)[number] {
  const known = KEYS.find((one) => one === key);
  if (known !== undefined) return known;
  const meant = nearest(key, KEYS);
  const help = meant === undefined ? `the keys are ${KEYS.join(', ')}` : `did you mean \`${meant}\`?`;
  throw new BadLine(`has the unknown key ${JSON.stringify(key)}: ${help}${meant === undefined ? '.' : ''}`);
}

function textOf(key: string, content: unknown, line: string): string | null {
  if (content === null) return null;
  if (typeof content !== 'string') {
    if (key !== 'data') throw new BadLine(`has a \`${key}\` that is no text: put it in quotes.`);
    return rawMember(line, key);
  }
  if (content.includes('\0'))
    throw new BadLine(`has a zero character in \`${key}\`, which PostgreSQL cannot store.`);
  if (/\p{Surrogate}/u.test(content))
    throw new BadLine(`has half a character (a lone surrogate) in \`${key}\`.`);
  return content;
}

/** The text of a member's value in a valid JSON object: parsing and writing it again would round large numbers. */
function rawMember(text: string, key: string): string {
  let found = '';
  let at = text.indexOf('{') + 1;
  while (at < text.length) {
    const keyStart = text.indexOf('"', at);
    if (keyStart === -1) break;
    const keyEnd = endOfString(text, keyStart);
    const start = text.indexOf(':', keyEnd) + 1;
    at = endOfValue(text, start);
    if (JSON.parse(text.slice(keyStart, keyEnd)) === key) found = text.slice(start, at).trim();
    at += 1;
  }
  return found;
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

/** The place of the comma or brace behind the value. */
function endOfValue(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    const character = text[at];
    if (character === '"') at = endOfString(text, at) - 1;
    else if (character === '{' || character === '[') depth += 1;
    else if (depth === 0 && (character === ',' || character === '}')) return at;
    else if (character === '}' || character === ']') depth -= 1;
  }
  return text.length;
}
