// What a database has been migrated by cannot be changed any more: it would differ from those that are migrated later.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
import { migrations } from '../../../src/postgres/sql-files.ts';

const LIST = 'sql/migrations/SHA256SUMS';

test('no migration has changed since it was listed, and each one is listed', () => {
  const sums = migrations().map(
    ({ path, text }) =>
      `${createHash('sha256').update(text).digest('hex')}  ${path.slice('sql/migrations/'.length)}`,
  );
  // A new migration: append its line, as `sha256sum` prints it. A changed one: put it back, and write a new one.
  expect(readFileSync(packagePath(LIST), 'utf8').trimEnd().split('\n')).toEqual(sums);
});

test('migrations have numbers of their own, in the order in which they are applied', () => {
  const versions = migrations().map(({ version }) => version);
  expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b));
  expect(migrations().filter(({ version, name }) => version === 0 || name === '')).toEqual([]);
});
