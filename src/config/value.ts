// A value of the file: where it stands, what it is called, and what it must be. A mistake is reported where it is read.
import { type Document, isAlias, isMap, isScalar, isSeq, type Node, type Scalar, visit } from 'yaml';
import type { Report } from './report.ts';
import { Section } from './section.ts';
import { EnvReference, offsetOf } from './syntax.ts';
import { BadUnit, parseDuration, parseRate, parseSize } from './units.ts';

/** What all values of one file share. */
export interface SourceText {
  readonly report: Report;
  readonly document: Document;
  readonly text: string;
  readonly env: NodeJS.ProcessEnv;
  /** Folder of the file: paths in it are relative to this. */
  readonly folder: string;
  /** Others than the owner may read the file. */
  readonly isReadableByOthers: boolean;
}

/** Text and how to show it: what comes from the environment may be secret, even where a secret is a mistake. */
export interface Text {
  readonly text: string;
  readonly isFromEnv: boolean;
  readonly shown: string;
}

/** Where something stands that may be a mistake: a value of the file, or an argument of the command line. */
export interface TextPlace {
  readonly name: string;
  readonly source: Pick<SourceText, 'env' | 'folder'>;
  problem(sentence: string): undefined;
  warn(sentence: string): void;
}

const LONGEST_SHOWN = 60;

export class Value implements TextPlace {
  readonly source: SourceText;
  /** The dotted way from the top, in backticks: `` `queues.orders.workers` ``. */
  readonly name: string;
  readonly #path: string;
  readonly #node: Node | null;
  readonly #at: number;

  /** @param at where to point at if the value is empty. */
  constructor(source: SourceText, node: Node | null, { path, at }: { path: string; at: number }) {
    this.source = source;
    this.#path = path;
    this.name = path === '' ? 'The file' : `\`${path}\``;
    const target = isAlias(node) ? (node.resolve(source.document) ?? null) : node;
    const isEmpty = target === null || (isScalar(target) && target.value === null);
    this.#node = isEmpty ? null : target;
    this.#at = (isEmpty ? undefined : offsetOf(node, source.text)) ?? at;
  }

  /** Nothing after the colon, or `null`. */
  get isEmpty(): boolean {
    return this.#node === null;
  }

  get isMap(): boolean {
    return isMap(this.#node);
  }

  /** Whether it is a map with this key. */
  hasKey(key: string): boolean {
    return isMap(this.#node) && this.#node.has(key);
  }

  get isList(): boolean {
    return isSeq(this.#node);
  }

  get offset(): number {
    return this.#at;
  }

  get line(): number {
    return this.source.report.lineOf(this.#at);
  }

  /** Reports a mistake at this value. */
  problem(sentence: string): undefined {
    this.source.report.problem(this.#at, sentence);
  }

  warn(sentence: string): void {
    this.source.report.warn(this.#at, sentence);
  }

  /** The map as a section with these keys; an empty value counts as an empty map. */
  section(keys: readonly string[], wanted = 'a map of keys and values'): Section | undefined {
    if (!this.isEmpty && !isMap(this.#node)) return this.problem(`${this.name} must be ${wanted}.`);
    return new Section(this, isMap(this.#node) ? this.#node.items : [], keys);
  }

  /** A map whose keys are names that the user chose. */
  entries(wanted: string): [string, Value][] | undefined {
    if (!this.isEmpty && !isMap(this.#node)) return this.problem(`${this.name} must be ${wanted}.`);
    return new Section(this, isMap(this.#node) ? this.#node.items : [], undefined).entries();
  }

  list(): Value[] | undefined {
    if (!isSeq(this.#node)) return undefined;
    return this.#node.items.map(
      (item, index) =>
        new Value(this.source, item as Node | null, {
          path: `${this.#path}[${index}]`,
          at: this.#node?.range?.[0] ?? this.#at,
        }),
    );
  }

  child(key: string, node: Node | null, at: number): Value {
    return new Value(this.source, node, { path: this.#path === '' ? key : `${this.#path}.${key}`, at });
  }

  /** Any scalar as the text that stands in the file, so that names made of digits stay what they are. */
  scalar(wanted: string): Text | undefined {
    if (this.isEmpty) return this.problem(`${this.name} has no value: it must be ${wanted}.`);
    if (!isScalar(this.#node)) return this.problem(`${this.name} must be ${wanted}.`);
    const { value } = this.#node;
    if (value instanceof EnvReference) return this.#fromEnv(value.name);
    const text = typeof value === 'string' ? value : sourceOf(this.#node);
    if (text.trim() === '') return this.problem(`${this.name} is empty: it must be ${wanted}.`);
    return { text, isFromEnv: false, shown: `\`${shorten(text)}\`` };
  }

  text(wanted: string): string | undefined {
    return this.scalar(wanted)?.text;
  }

  whole(wanted: string, { min = 0, max = Number.MAX_SAFE_INTEGER } = {}): number | undefined {
    const text = this.scalar(wanted);
    if (text === undefined) return undefined;
    const number = /^\d{1,15}$/.test(text.text.trim()) ? Number(text.text) : Number.NaN;
    if (number >= min && number <= max) return number;
    return this.#mustBe(wanted, text);
  }

  duration(): number | undefined {
    return this.#withUnit('a duration such as `30s` or `5m`', parseDuration);
  }

  size(): number | undefined {
    return this.#withUnit('a size such as `256MB`', parseSize);
  }

  /** Events a second. */
  rate(): number | undefined {
    return this.#withUnit('a rate such as `50/s`', parseRate);
  }

  oneOf<Word extends string>(words: readonly Word[]): Word | undefined {
    const text = this.scalar(either(words));
    if (text === undefined) return undefined;
    return words.find((word) => word === text.text) ?? this.#mustBe(either(words), text);
  }

  /** A text as it is, anything else as JSON. */
  jsonText(): string | undefined {
    if (this.isMap || this.isList) {
      if (hasReference(this.#node))
        return this.problem(
          `${this.name} takes nothing from the environment: what it says goes into events.`,
        );
      return JSON.stringify(this.#node?.toJS(this.source.document));
    }
    return this.text('a text, or a map or a list that becomes JSON');
  }

  yesOrNo(): boolean | undefined {
    const word = this.oneOf(['true', 'false']);
    return word === undefined ? undefined : word === 'true';
  }

  #withUnit(wanted: string, parse: (text: string) => number): number | undefined {
    const text = this.scalar(wanted);
    if (text === undefined) return undefined;
    try {
      return parse(text.text);
    } catch (error) {
      if (!(error instanceof BadUnit)) throw error;
      const why = text.isFromEnv ? `must be ${wanted}, and ${text.shown} is not one` : error.message;
      return this.problem(
        `${this.name} ${why}${/^must/.test(error.message) && !text.isFromEnv ? `, not ${text.shown}` : ''}.`,
      );
    }
  }

  #mustBe(wanted: string, { shown }: Text): undefined {
    return this.problem(`${this.name} must be ${wanted}, not ${shown}.`);
  }

  #fromEnv(variable: string): Text | undefined {
    if (variable === '') {
      return this.problem(
        `${this.name} says \`!env\` without a name: write \`!env NAME\` with the variable's name.`,
      );
    }
    const text = this.source.env[variable];
    if (text !== undefined && text.trim() !== '') {
      return { text, isFromEnv: true, shown: `the value of the environment variable ${variable}` };
    }
    return this.problem(
      `${this.name} comes from the environment variable ${variable}, which is ${text === undefined ? 'not set' : 'empty'}: set it before the start.`,
    );
  }
}

function hasReference(node: Node | null): boolean {
  let isFound = false;
  visit(node, {
    Scalar(_key, { value }) {
      if (value instanceof EnvReference) isFound = true;
    },
  });
  return isFound;
}

export const either = (words: readonly string[]): string =>
  words
    .map((word) => `\`${word}\``)
    .join(', ')
    .replace(/, ([^,]*)$/, ' or $1');

const sourceOf = (scalar: Scalar): string => scalar.source ?? String(scalar.value);

/** As much of it as is of use in a sentence. */
export const shorten = (text: string): string => {
  const line = text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ');
  return line.length <= LONGEST_SHOWN ? line : `${line.slice(0, LONGEST_SHOWN)}…`;
};
