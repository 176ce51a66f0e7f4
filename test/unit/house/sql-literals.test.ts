// Our SQL means the same in every session: with standard_conforming_strings off, a backslash in a plain literal escapes.
import { expect, test } from 'vitest';
import { filesIn } from '../../support/pages/source-tree.ts';

test('no literal without an E before it holds a backslash', () => {
  const files = filesIn('sql', '.sql');
  expect(files.length).toBeGreaterThan(50);
  const doubtful = files.flatMap(({ path, text }) =>
    text
      .split('\n')
      .filter((line) => /'[^']*\\/.test(line.replace(/--.*/, '').replace(/[Ee]'[^']*'/g, '')))
      .map((line) => `${path}: ${line.trim()}`),
  );
  expect(doubtful).toEqual([]);
});
