// What the gate counts, and what it says of tests that failed: scripts/count-tests.js on reports as vitest writes them.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';

type Tests = Readonly<Record<string, string | null>>;

/** A report: files with their tests, each with what it failed by. */
function report(files: Readonly<Record<string, Tests>>): string {
  const all = Object.values(files).flatMap((tests) => Object.values(tests));
  const testResults = Object.entries(files).map(([name, tests]) => ({
    name: resolve(name),
    status: Object.values(tests).some((message) => message !== null) ? 'failed' : 'passed',
    assertionResults: Object.entries(tests).map(([fullName, message]) => ({
      status: message === null ? 'passed' : 'failed',
      fullName,
      failureMessages: message === null ? [] : [message],
    })),
  }));
  const numFailedTests = all.filter((message) => message !== null).length;
  return JSON.stringify({ numPassedTests: all.length - numFailedTests, numFailedTests, testResults });
}

function count(files: Readonly<Record<string, string>>, ...more: readonly string[]) {
  const folder = join(mkdtempSync(join(tmpdir(), 'gate-')), 'results');
  mkdirSync(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const args = more.length === 0 ? [folder] : more.map((arg) => arg.replace('FOLDER', folder));
  const { status, stdout } = spawnSync(process.execPath, ['scripts/count-tests.js', ...args], {
    encoding: 'utf8',
  });
  return { status, lines: stdout.trimEnd().split('\n'), isLeft: existsSync(folder) };
}

const GOOD = report({ 'test/a.test.ts': { one: null, two: null } });
const BAD = report({
  'test/a.test.ts': { one: null, two: 'Error: late' },
  'test/b.test.ts': { three: null },
});

test('all runs are summed, and the reports removed', () => {
  expect(count({ '1.json': GOOD, '2.json': GOOD })).toEqual({
    status: 0,
    lines: ['4 passed, 0 failed'],
    isLeft: false,
  });
});

test('what fails twice is red, what passes alone is named as unsteady with what it said', () => {
  const failed = { '1.json': BAD, '1.failed': '', '1.again': 'x' };
  const twice = count({
    ...failed,
    '1-again.json': report({ 'test/a.test.ts': { one: null, two: 'Error: wrong' } }),
  });
  expect(twice.lines).toEqual(['FAIL test/a.test.ts > two', '     Error: wrong', '2 passed, 1 failed']);
  expect(twice.status).toBe(1);
  const once = count({ ...failed, '1-again.json': GOOD });
  expect(once.lines).toEqual(['UNSTEADY test/a.test.ts > two', '     Error: late', '3 passed, 0 failed']);
  expect(once.status).toBe(0);
});

test('without a second run, or where another test fails in it, or the step itself fails, it is red', () => {
  expect(count({ '1.json': BAD, '1.failed': '' })).toMatchObject({ status: 1 });
  const other = report({ 'test/a.test.ts': { one: 'Error: other', two: null } });
  const again = count({ '1.json': BAD, '1.failed': '', '1-again.json': other });
  expect(again.lines.at(-1)).toBe('2 passed, 1 failed');
  expect(count({ '1.json': GOOD, '1.failed': '' }).lines).toEqual(['2 passed, 1 failed']);
  expect(count({ '1.json': GOOD, '2.failed': '' }).lines).toEqual(['2 passed, 1 failed']);
  expect(count({})).toMatchObject({ status: 1 });
});

test('few files are run again, many are not', () => {
  const named = (files: number) =>
    count(
      {
        '1.json': report(
          Object.fromEntries(Array.from({ length: files }, (_, at) => [`test/${at}.test.ts`, { one: 'no' }])),
        ),
      },
      '--failed-files',
      'FOLDER/1.json',
    ).lines.join();
  expect(named(2)).toBe('test/0.test.ts test/1.test.ts');
  expect(named(6)).toBe('');
});
