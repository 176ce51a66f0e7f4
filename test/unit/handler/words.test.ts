import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { statementWords } from '../../../src/handler/transaction-words.ts';

describe('handler/transaction-words', () => {
  test.each([
    ['commit', 'COMMIT'],
    ['  \n BEGIN;', 'BEGIN'],
    ['/* a /* nested */ comment */ rollback to x', 'ROLLBACK'],
    ['-- a comment\nsavepoint a', 'SAVEPOINT'],
    ['insert into t values (1); commit', 'COMMIT'],
    [';;release savepoint a', 'RELEASE'],
    ["select 'it''s'; end", 'END'],
    ["select e'\\'; '; abort", 'ABORT'],
    ['select $x$ ; $x$; start transaction', 'START'],
    ['do $$ begin perform 1; end $$; commit', 'COMMIT'],
    ["prepare transaction 'x'", 'PREPARE TRANSACTION'],
    ['set transaction read only', 'SET TRANSACTION'],
    ['select 1 as "a;b"; commit', 'COMMIT'],
  ])('%j is refused as %s', (sql, word) => {
    expect(statementWords(sql).control).toBe(word);
  });

  test.each([
    'select 1',
    '',
    "select 'x; commit'",
    'select "; commit"',
    'select $$; commit$$',
    'select $a$; commit $b$; rollback $a$',
    'select 1 -- ; commit',
    'select 1 /* ; commit */',
    'do $$ begin perform 1; end $$',
    'create function f() returns int language plpgsql as $f$ begin return 1; end $f$',
    'prepare p as select 1',
    'set local work_mem = 1',
    'insert into commit values (1)',
    'with x as (select 1) select * from x; update begin set a = 1',
    "select E'a\\\\'; select 1",
    'select commit from t',
  ])('%j is let through', (sql) => {
    expect(statementWords(sql).control).toBeUndefined();
  });

  test('text in quotes or comments is let through, what follows a semicolon is checked', () => {
    const quiet = fc.oneof(
      fc.string().map((text) => `'${text.replaceAll("'", "''")}'`),
      fc.string().map((text) => `"${text.replaceAll('"', '""')}"`),
      fc.string().map((text) => `$q$${text.replaceAll('$', '')}$q$`),
      fc.string().map((text) => `/*${text.replaceAll(/[*/]/g, '')}*/`),
    );
    fc.assert(
      fc.property(fc.array(quiet, { maxLength: 5 }), (parts) => {
        const sql = `select 1 ${parts.join(' , ')}`;
        expect(statementWords(sql).control).toBeUndefined();
        expect(statementWords(`${sql}; commit`).control).toBe('COMMIT');
      }),
    );
  });
});
