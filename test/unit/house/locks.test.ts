// Every lock that ours take turns by, and every advisory lock, is in the tables of sql/tributary/functions/README.md.
import { expect, test } from 'vitest';
import { documents } from '../../support/pages/documents.ts';
import { filesIn } from '../../support/pages/source-tree.ts';
import { functionsIn } from '../../support/pages/sql-functions.ts';
import { cellsOf, namesOf } from '../../support/pages/tables.ts';

const PAGE = 'sql/tributary/functions/README.md';
const functions = filesIn('sql', '.sql').flatMap(functionsIn);
const takersOf = (pattern: RegExp) =>
  functions.filter(({ code }) => pattern.test(code)).map(({ name }) => name);

/** All rows of the section, whichever table they are in. */
const rows = (
  documents()
    .find(({ path }) => path === PAGE)
    ?.text.split('\n## Locks\n')[1] ?? ''
)
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map(cellsOf);
const takersIn = (row: readonly string[] | undefined) => namesOf(row?.[2] ?? '').sort();

test('only the places that the page lists take advisory locks', () => {
  const ties = rows.filter(([what]) => what?.startsWith('backend to '));
  expect(ties).toHaveLength(2);
  expect(takersOf(/pg_\w*advisory\w*lock/).sort()).toEqual(ties.flatMap(takersIn).sort());
  expect(takersOf(/'advisory'/).sort()).toEqual(ties.flatMap((row) => namesOf(row[3] ?? '')).sort());
});

test('outside of functions only the end of a session names advisory locks: it releases what handlers left', () => {
  const elsewhere = [...filesIn('src', '.ts'), ...filesIn('sql', '.sql')]
    .filter(
      ({ path, text }) =>
        /pg_\w*advisory/.test(text.replace(/--.*|\/\/.*/g, '')) && !path.startsWith('sql/tributary/'),
    )
    .map(({ path, text }) => [path, text.match(/pg_\w*advisory\w*/g)]);
  expect(elsewhere).toEqual([['src/workers/child/transaction/session.ts', ['pg_advisory_unlock_all']]]);
});

test('the number in the keys of members is defined in one place', () => {
  const [key] = functions.filter(({ name }) => name === 'member_key');
  const [number = 'none'] = key?.code.match(/\d{6,}/) ?? [];
  const uses = [...filesIn('sql', '.sql'), ...filesIn('src', '.ts')].flatMap(
    ({ text }) => text.match(new RegExp(number, 'g')) ?? [],
  );
  expect(uses).toEqual(['1414678850']);
  expect(Buffer.from(Number(number).toString(16), 'hex').toString()).toBe('TRIB');
});

test('the first token of ours is the one that the page names, in every comparison', () => {
  const [first = ''] = /\d{16}/.exec(rows.find(([what]) => what === 'backend to batch')?.[1] ?? '') ?? [];
  const compared = functions.flatMap(({ code }) => code.match(/batch_id (?:>=|<) (\d+)/g) ?? []);
  expect(compared.filter((text) => text.endsWith(first)).length).toBeGreaterThan(2);
  expect(
    filesIn('sql/migrations', '.sql').some(
      ({ text }) => text.includes(`start with ${first}`) || text.includes(`minvalue ${first}`),
    ),
  ).toBe(true);
});

test.each(['lease_turn', 'source_turn', 'position_table', 'handled_table', 'published_table'])(
  'table %s is locked only where the page lists it',
  (table) => {
    const row = rows.find(([, lock]) => lock?.includes(`\`tributary.${table}\``));
    expect(takersIn(row)).toEqual(takersOf(new RegExp(`lock table tributary\\.${table} in`)).sort());
  },
);

test('functions of schema tributary lock no other table as a whole', () => {
  const tables = functions
    .filter(({ schema }) => schema === 'tributary')
    .flatMap(({ code }) => [...code.matchAll(/lock table (?:only )?([\w.%]+)/g)].map(([, name]) => name));
  const listed = rows.map(([, lock = '']) => lock).join();
  const EMPTIED_BY_NUMBER = [
    'tributary.position_%s',
    'tributary.handled_%s',
    'tributary.queue_history_%s',
    'tributary.published_%s',
  ];
  // Those of delayed events have a row of their own.
  const EMPTIED_BY_NAME = ['%s', 'tributary.%I', 'tributary.unique_key_%1'];
  expect(
    tables.filter(
      (name = '') => ![...EMPTIED_BY_NUMBER, ...EMPTIED_BY_NAME].includes(name) && !listed.includes(name),
    ),
  ).toEqual([]);
});
