// Blanks what `redact:` of the file names in an event that is shown to people. Pure.
//
// Invariant: what cannot be looked into as the path says is blanked whole, never shown: data that is no JSON, a text where the
// path goes on, an event of a queue that the file no longer names (then all paths of the file count).
import type { Config } from './config.ts';

/** The fields that a path may begin with, as far as an event has them. */
export interface ShownFields {
  readonly data?: string | null;
  readonly extra1?: string | null;
  readonly extra2?: string | null;
  readonly extra3?: string | null;
  readonly extra4?: string | null;
  /** A row as COPY had it: holds all fields. */
  readonly raw?: string | null;
}

const REDACTED = '[redacted]';

/** The event as it may be shown: one function for all places that show events of central queues. */
export function redact<Shown extends ShownFields>(
  { queues }: Pick<Config, 'queues'>,
  queue: string,
  event: Shown,
): Shown {
  const known = queues.find(({ name }) => name === queue);
  const paths = known === undefined ? queues.flatMap((one) => one.redact ?? []) : (known.redact ?? []);
  if (paths.length === 0) return event;
  const shown: { -readonly [Field in keyof ShownFields]: ShownFields[Field] } = {};
  for (const column of new Set(paths.map((path) => path.column))) {
    const text = event[column];
    if (text == null) continue;
    const own = paths.filter((path) => path.column === column).map(({ keys }) => keys);
    shown[column] = own.some((keys) => keys.length === 0) ? REDACTED : (redactJson(text, own) ?? REDACTED);
  }
  if (event.raw != null) shown.raw = REDACTED;
  return { ...event, ...shown };
}

type Keys = readonly string[];

/** The text with the values at these paths replaced, and all else as it was written; undefined: it is no JSON. */
function redactJson(text: string, paths: readonly Keys[]): string | undefined {
  try {
    JSON.parse(text);
    const spans = new Spans(text);
    spans.value(paths);
    let [result, from] = ['', 0];
    for (const [begin, end] of spans.found) {
      result += `${text.slice(from, begin)}${JSON.stringify(REDACTED)}`;
      from = end;
    }
    return result + text.slice(from);
  } catch {
    return undefined;
  }
}

/** Finds where the values at some paths stand. JSON.parse would lose numbers that JavaScript cannot hold, and repeated keys. */
class Spans {
  readonly found: [begin: number, end: number][] = [];
  readonly #tokens: readonly { readonly text: string; readonly at: number }[];
  #next = 0;

  /** @param json checked before. */
  constructor(json: string) {
    const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;
    this.#tokens = [...json.matchAll(TOKEN)].map(({ 0: text, index }) => ({ text, at: index }));
  }

  /** The next value: blanked where one of the paths ends at it, or goes on where there is nothing to go into. */
  value(paths: readonly Keys[]): void {
    const first = this.#take();
    const isStructure = first.text === '{' || first.text === '[';
    const isHit = paths.some((keys) => keys.length === 0) || (paths.length > 0 && !isStructure);
    const inside = isHit ? [] : paths;
    if (first.text === '{') {
      while (this.#goesOn('}')) {
        const key = JSON.parse(this.#take().text) as string;
        this.#take();
        this.value(inside.filter(([name]) => name === key || name === '*').map((keys) => keys.slice(1)));
      }
    } else if (first.text === '[') while (this.#goesOn(']')) this.value(inside);
    const last = this.#tokens[this.#next - 1] ?? first;
    if (isHit) this.found.push([first.at, last.at + last.text.length]);
  }

  #take() {
    const token = this.#tokens[this.#next];
    if (token === undefined) throw new SyntaxError('It ends too early.');
    this.#next += 1;
    return token;
  }

  /** Passes the comma before another member, or the end. */
  #goesOn(end: string): boolean {
    const { text } = this.#take();
    if (text === end) return false;
    if (text !== ',') this.#next -= 1;
    return true;
  }
}
