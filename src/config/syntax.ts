// From text to a YAML tree that remembers where everything stands, with `!env NAME` for what must not be in the file.
import {
  type Document,
  type ErrorCode,
  LineCounter,
  type Node,
  parseDocument,
  type ScalarTag,
  visit,
} from 'yaml';
import { Report } from './report.ts';

/** A value that stands in the environment. */
export class EnvReference {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

const ENV_TAG: ScalarTag = {
  tag: '!env',
  identify: (value) => value instanceof EnvReference,
  resolve: (text) => new EnvReference(text.trim()),
};

/** Our words for the parser's codes: its own messages quote the file, and so might quote a secret. */
const SENTENCES: Readonly<Partial<Record<ErrorCode, string>>> = {
  ALIAS_PROPS: 'An alias (`*name`) cannot have a tag or an anchor.',
  BAD_ALIAS:
    'An alias (`*name`) needs a name that an anchor (`&name`) defined before; text that starts with `*` needs quotes.',
  BAD_COLLECTION_TYPE:
    '`!env` stands before the name of one environment variable, not before a list or a map.',
  BAD_DQ_ESCAPE: 'A backslash inside double quotes starts an escape: write two, or use single quotes.',
  BAD_INDENT:
    'The indentation does not fit: the keys of one map start in the same column, deeper than the key they belong to.',
  BAD_SCALAR_START: 'Text that starts with this character needs quotes.',
  BLOCK_AS_IMPLICIT_KEY:
    'A second `key:` on the same line: put it on a line of its own, or the value in quotes.',
  BLOCK_IN_FLOW:
    'Inside `{ }` and `[ ]` there is no list with dashes or indented map: write it with brackets.',
  DUPLICATE_KEY: 'This key stands here twice.',
  KEY_OVER_1024_CHARS: 'This key is far too long: is a quote missing?',
  MISSING_CHAR:
    'Something is missing before this: a comma, a colon with a space after it, or a closing quote or bracket.',
  MULTILINE_IMPLICIT_KEY: 'A key must stand on one line and end in a colon: is the colon missing?',
  MULTIPLE_DOCS: 'A second document begins here: the file must hold one only, so remove the `---`.',
  TAB_AS_INDENT: 'A tab is used for indentation, which YAML forbids: use spaces.',
  TAG_RESOLVE_FAILED: 'This tag is not known: the only one is `!env NAME`.',
  UNEXPECTED_TOKEN:
    'This is not expected here: text with braces, commas, brackets, quotes or `#` in it needs quotes around it.',
};

const NO_YAML =
  'This is not valid YAML: look for a missing quote, bracket or colon here or in the line before.';
/** The parser takes what comes instead for a wrong indentation. */
const UNCLOSED = /^Flow (map|sequence) in block collection/;
const NOT_CLOSED = 'A `[` or `{` before this is not closed: the `]` or `}` that belongs to it is missing.';

export interface Syntax {
  readonly document: Document.Parsed;
  readonly report: Report;
}

/** Where a value begins, its tag included; undefined for what has no place. */
export function offsetOf(node: Node | null, text: string): number | undefined {
  const at = node?.range?.[0];
  if (at === undefined || node?.tag !== ENV_TAG.tag) return at;
  const tag = text.lastIndexOf(ENV_TAG.tag, at);
  return tag === -1 ? at : tag;
}

/** @param file as it is shown in problems. Mistakes in the syntax are in the report. */
export function parseYaml(text: string, file: string): Syntax {
  const document = parseDocument(text, {
    customTags: [ENV_TAG],
    logLevel: 'error',
    prettyErrors: false,
    uniqueKeys: false,
  });
  const report = new Report(file, linesOf(text));
  const said = new Set<string>();
  for (const { code, message, pos } of [...document.errors, ...document.warnings]) {
    const sentence = UNCLOSED.test(message) ? NOT_CLOSED : (SENTENCES[code] ?? NO_YAML);
    // Mistakes that follow from another one are left out: the same again, and a map that ends early at a brace of a URL.
    const isConsequence = sentence === NOT_CLOSED && said.has(SENTENCES.UNEXPECTED_TOKEN ?? '');
    if (!isConsequence && !said.has(sentence)) report.problem(Math.min(pos[0], text.length), sentence);
    said.add(sentence);
  }
  visit(document, {
    Alias(_key, alias) {
      if (alias.resolve(document) === undefined)
        report.problem(alias.range?.[0] ?? 0, SENTENCES.BAD_ALIAS ?? '');
    },
  });
  return { document, report };
}

/** Of the whole text: the parser's own counter ends where the parser gives up. */
function linesOf(text: string): LineCounter {
  const lines = new LineCounter();
  lines.addNewLine(0);
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lines.addNewLine(at + 1);
  return lines;
}
