// docs/protocol.md: each rule names tests that hold it, and these exist.
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { packagePath } from '../../../src/lifecycle/package-root.ts';

const PAGE = readFileSync(packagePath('docs/protocol.md'), 'utf8');

interface Rule {
  readonly name: string;
  /** The lines that name its tests. */
  readonly tests: readonly string[];
}

/** A rule is an item of a list that begins in bold; below it is a list of its tests. */
const rules: Rule[] = PAGE.split(/^(?=- )/m)
  .slice(1)
  .map((item) => ({
    name: /^- \*\*([\s\S]+?)\*\*/.exec(item)?.[1]?.replace(/\s+/g, ' ') ?? item,
    tests: item.split('\n').filter((line) => line.startsWith('  - ')),
  }));

test('each rule names a test that holds it', () => {
  expect(rules.length).toBeGreaterThan(45);
  expect(rules.filter(({ tests }) => tests.length === 0).map(({ name }) => name)).toEqual([]);
});

test('each test that a rule names is there, in the words of its title', () => {
  const missing = rules.flatMap(({ name, tests }) =>
    tests.filter((line) => !isThere(line)).map((line) => `${name}: ${line.trim()}`),
  );
  expect(missing).toEqual([]);
});

/** `test/x.test.ts`, or that with a title or the beginning of one. */
function isThere(line: string): boolean {
  const [, path, title = ''] = /^ {2}- `(test\/[\w./-]+\.test\.ts)`(?:: "([^"]+)")?$/.exec(line) ?? [];
  if (path === undefined || !existsSync(packagePath(path))) return false;
  return readFileSync(packagePath(path), 'utf8').includes(title);
}
