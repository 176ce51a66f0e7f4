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
  let next = start[0].length;
  for (;;) {
    const quick = quickMember(text, next);
    if (quick !== undefined) {
      row.set(quick.name, quick.value);
      next = quick.end;
      if (text.charCodeAt(next - 1) === CLOSE) return text.slice(next).trim() === '' ? row : undefined;
      continue;
    }
    MEMBER.lastIndex = next;
    const [all, name, string, none, bare, end] = MEMBER.exec(text) ?? [];
    if (all === undefined || name === undefined) return undefined;
    const value = string === undefined ? (none === undefined ? (bare ?? null) : null) : unquoted(string);
    const column = unquoted(name);
    if (column === undefined || value === undefined) return undefined;
    row.set(column, value);
    next = MEMBER.lastIndex;
    if (end === '}') return text.slice(next).trim() === '' ? row : undefined;
  }
}

const [QUOTE, COLON, COMMA, CLOSE] = [...'":,}'].map((sign) => sign.charCodeAt(0));

/** A member whose name and string have no backslash, or that has a plain word: nearly all are so. */
function quickMember(text: string, at: number) {
  if (text.charCodeAt(at) !== QUOTE) return undefined;
  const nameEnd = text.indexOf('"', at + 1);
  const from = nameEnd + 2;
  if (nameEnd === -1 || text.charCodeAt(nameEnd + 1) !== COLON) return undefined;
  if (text.charCodeAt(from) !== QUOTE) return quickWord(text, { name: text.slice(at + 1, nameEnd), from });
  const to = text.indexOf('"', from + 1);
  const sign = text.charCodeAt(to + 1);
  if (to === -1 || (sign !== COMMA && sign !== CLOSE)) return undefined;
  const [name, value] = [text.slice(at + 1, nameEnd), text.slice(from + 1, to)];
  return name.includes('\\') || value.includes('\\') ? undefined : { name, value, end: to + 2 };
}

function quickWord(text: string, { name, from }: { readonly name: string; readonly from: number }) {
  const comma = text.indexOf(',', from);
  const to = comma === -1 ? text.length - 1 : comma;
  const word = text.slice(from, to);
  if (to < text.length - 1 ? !WORD.test(word) : text.charCodeAt(to) !== CLOSE || !WORD.test(word))
    return undefined;
  return name.includes('\\') ? undefined : { name, value: word === 'null' ? null : word, end: to + 1 };
}

const WORD = /^(?:-?[0-9][0-9.eE+-]*|true|false|null)$/;

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
