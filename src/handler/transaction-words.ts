// Finds transaction control in SQL text that a handler sends: begin, commit, rollback, savepoints and their kin.

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

/** Texts of a handler repeat; this many verdicts are kept. */
const REMEMBERED = 500;
const verdicts = new Map<string, string | undefined>();

/** @returns the word that controls the transaction, in upper case, if any statement of the text begins with one. */
export function transactionWord(sql: string): string | undefined {
  if (verdicts.has(sql)) return verdicts.get(sql);
  const verdict = find(sql);
  if (verdicts.size >= REMEMBERED) verdicts.clear();
  if (sql.length < 10_000) verdicts.set(sql, verdict);
  return verdict;
}

function find(sql: string): string | undefined {
  for (const [first, second] of openings(sql)) {
    if (WORDS.has(first)) return first.toUpperCase();
    if (first === 'prepare' && second === 'transaction') return 'PREPARE TRANSACTION';
    if (first === 'set' && second === 'transaction') return 'SET TRANSACTION';
  }
  return undefined;
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
