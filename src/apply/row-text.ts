// The data of a captured change, JSON or urlencoded, as texts by column. Pure.
//
// Values stay the texts that the shard's server wrote: a number of JSON may have more digits than ours, and each text is read by
// the type of its column on central.

/** Texts by column; null for null. */
export type RowText = ReadonlyMap<string, string | null>;

/** One member of a JSON object without objects in it, as the triggers write them, with what is around it. */
const MEMBER =
  /\s*("(?:[^"\\]|\\.)*")\s*:\s*(?:("(?:[^"\\]|\\.)*")|(null)|(true|false|-?[0-9][0-9.eE+-]*))\s*([,}])/y;

/** @returns undefined where it is no such object. */
export function readJsonRow(text: string): RowText | undefined {
  const row = new Map<string, string | null>();
  const start = /^\s*\{/.exec(text);
  if (start === null) return undefined;
  if (/^\s*\{\s*\}\s*$/.test(text)) return row;
  MEMBER.lastIndex = start[0].length;
  for (;;) {
    const [all, name, string, none, bare, end] = MEMBER.exec(text) ?? [];
    if (all === undefined || name === undefined) return undefined;
    const value = string === undefined ? (none === undefined ? (bare ?? null) : null) : unquoted(string);
    const column = unquoted(name);
    if (column === undefined || value === undefined) return undefined;
    row.set(column, value);
    if (end === '}') return text.slice(MEMBER.lastIndex).trim() === '' ? row : undefined;
  }
}

function unquoted(string: string): string | undefined {
  if (!string.includes('\\')) return string.slice(1, -1);
  try {
    return JSON.parse(string) as string;
  } catch {
    return undefined;
  }
}

/** `a=1&b&c=x+y`: a column without `=` is null. @returns undefined where it is not urlencoded. */
export function readUrlRow(text: string): RowText | undefined {
  const row = new Map<string, string | null>();
  if (text === '') return row;
  for (const part of text.split('&')) {
    const at = part.indexOf('=');
    try {
      const name = decoded(at === -1 ? part : part.slice(0, at));
      row.set(name, at === -1 ? null : decoded(part.slice(at + 1)));
    } catch {
      return undefined;
    }
  }
  return row;
}

const decoded = (text: string): string =>
  /[+%]/.test(text) ? decodeURIComponent(text.replaceAll('+', ' ')) : text;
