// The codes of errors: docs/errors.md has each of them, the code uses each of them, and no SQLSTATE of ours is in neither.
import { expect, test } from 'vitest';
import { type CodeMeaning, ERROR_CODES, HALT_CODES, SQLSTATES } from '../../../src/errors/codes.ts';
import { filesIn } from '../../support/pages/source-tree.ts';
import { rowOf, rowsUnder } from '../../support/pages/tables.ts';

const sources = filesIn('src', '.ts').filter(({ path }) => path !== 'src/errors/codes.ts');
const statements = filesIn('sql', '.sql');

const rowsOf = (codes: Readonly<Record<string, CodeMeaning>>) =>
  Object.entries(codes).map(([code, { means, remedy }]) => rowOf(`\`${code}\``, means, remedy ?? ''));

test.each([
  ['Errors of Tributary', ERROR_CODES],
  ['Why a source is halted', HALT_CODES],
  ['SQLSTATEs of the central schema', SQLSTATES],
])('docs/errors.md has the table "%s" as it is in src/errors/codes.ts', (heading, codes) => {
  // Where this fails, copy the rows that it expects into the page.
  expect(rowsUnder('docs/errors.md', heading)).toEqual(rowsOf(codes));
});

test('the codes are in the order of the alphabet, so that each has one place', () => {
  const codes = Object.keys(ERROR_CODES);
  expect(codes).toEqual(codes.toSorted());
});

test('every code is used', () => {
  const codes = [...Object.keys(ERROR_CODES), ...Object.keys(HALT_CODES)];
  expect(codes.filter((code) => !sources.some(({ text }) => text.includes(`'${code}'`)))).toEqual([]);
});

test('every SQLSTATE that SQL raises or code waits for is in the catalogue, and the other way round', () => {
  const found = [...sources, ...statements].flatMap(({ text }) => text.match(/\bTB\d{3}\b/g) ?? []);
  expect([...new Set(found)].toSorted()).toEqual(Object.keys(SQLSTATES));
});
