// Finds in SQL text that a handler sends what would harm its transaction: control (begin, commit, rollback, savepoints and
// their kin), which is refused, and settings, which must end with the call.

const WORDS: ReadonlySet<string> = new Set([
  'abort',
  'begin',
  'commit',
  'end',
  'release',
  'rollback',
  'savepoint',
  'start',
]);

/** Statements that can leave a setting behind, besides those that call `set_config`. */
const SETTING: ReadonlySet<string> = new Set(['call', 'do', 'reset', 'set']);

export interface StatementWords {
  /** The word that controls the transaction, in upper case, if any statement begins with one. */
  readonly control: string | undefined;
  /** It may change settings of the session or of the transaction: role, search_path, time limits. */
  readonly maySet: boolean;
}

/** Texts of a handler repeat; the results of this many are kept. */
const REMEMBERED = 500;
const verdicts = new Map<string, StatementWords>();

/** What the statements of a text do besides reading and writing rows. */
export function statementWords(sql: string): StatementWords {
  const known = verdicts.get(sql);
  if (known !== undefined) return known;
  const verdict = find(sql);
  if (verdicts.size >= REMEMBERED) verdicts.clear();
  if (sql.length < 10_000) verdicts.set(sql, verdict);
  return verdict;
}

function find(sql: string): StatementWords {
  const all = [...openings(sql)];
  const maySet = all.some(([first]) => SETTING.has(first)) || /set_config/i.test(sql);
  for (const [first, second] of all) {
    if (WORDS.has(first)) return { control: first.toUpperCase(), maySet };
    if (first === 'prepare' && second === 'transaction') return { control: 'PREPARE TRANSACTION', maySet };
    if (first === 'set' && second === 'transaction') return { control: 'SET TRANSACTION', maySet };
  }
  return { control: undefined, maySet };
}

/** Comments, quoted text of every kind, words, semicolons; anything else is passed over. */
const TOKEN =
  /--[^\n]*|\/\*|[eE]'(?:[^'\\]|\\[\s\S]|'')*'?|'(?:[^']|'')*'?|"(?:[^"]|"")*"?|\$([A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\d\w*|;/g;

/** The first two words of every statement, in lower case. */
function* openings(sql: string): Generator<readonly [string, string]> {
  const token = new RegExp(TOKEN);
  let words: string[] = [];
  for (let match = token.exec(sql); match !== null; match = token.exec(sql)) {
    const [text] = match;
    if (text === ';') {
      yield [words[0] ?? '', words[1] ?? ''];
      words = [];
    } else if (text === '/*') {
      token.lastIndex = afterComment(sql, match.index);
    } else if (text.startsWith('$')) {
      const end = sql.indexOf(text, token.lastIndex);
      token.lastIndex = end < 0 ? sql.length : end + text.length;
      words.push('');
    } else if (!text.startsWith('--') && words.length < 2) {
      words.push(/^[A-Za-z_]\w*$/.test(text) ? text.toLowerCase() : '');
    }
  }
  yield [words[0] ?? '', words[1] ?? ''];
}

/** Comments of PostgreSQL nest. */
function afterComment(sql: string, start: number): number {
  const mark = /\/\*|\*\//g;
  mark.lastIndex = start;
  let depth = 0;
  for (let match = mark.exec(sql); match !== null; match = mark.exec(sql)) {
    depth += match[0] === '/*' ? 1 : -1;
    if (depth === 0) return mark.lastIndex;
  }
  return sql.length;
}
