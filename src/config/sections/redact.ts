// `redact:` of a queue → the paths of what is never shown of its events.
import type { OriginColumn, RedactPath } from '../config.ts';
import type { Value } from '../value.ts';

const COLUMNS = ['data', 'extra1', 'extra2', 'extra3', 'extra4'] as const;
const WANTED =
  'a path such as `data.card.number` or `extra1`, or a list of them; a name with a dot in it is quoted: `data."a.b"`';
const KEY = /\.(?:"((?:[^"\\]|\\.)*)"|([^."\s]+))/y;

export function readRedact(value: Value | undefined, origin: OriginColumn): RedactPath[] | undefined {
  if (value === undefined) return undefined;
  const items = value.list() ?? [value];
  if (items.length === 0) value.problem(`${value.name} is an empty list: it must be ${WANTED}.`);
  return items.flatMap((item) => readPath(item, origin) ?? []);
}

function readPath(value: Value, origin: OriginColumn): RedactPath | undefined {
  const text = value.scalar(WANTED);
  if (text === undefined) return undefined;
  const [first = ''] = /^[^.]*/.exec(text.text) ?? [];
  const column = COLUMNS.find((name) => name === first);
  const keys = keysOf(text.text.slice(first.length));
  if (column === undefined || keys === undefined)
    return value.problem(`${value.name} must be ${WANTED}, not ${text.shown}.`);
  if (column === origin)
    return value.problem(
      `${value.name} is the column of the origin, by which events are found: redact another one, or set \`origin\` to a free column.`,
    );
  return { column, keys };
}

/** Names behind dots; undefined: the text is something else. */
function keysOf(text: string): string[] | undefined {
  const keys: string[] = [];
  for (let at = 0; at < text.length; at = KEY.lastIndex) {
    KEY.lastIndex = at;
    const found = KEY.exec(text);
    if (found === null) return undefined;
    const [, quoted, bare] = found;
    keys.push(bare ?? (quoted ?? '').replace(/\\(.)/g, '$1'));
  }
  return keys;
}
