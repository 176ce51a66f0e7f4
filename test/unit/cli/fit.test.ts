// Text that fits: broken between words, or cut to rows and columns.
import { describe, expect, test } from 'vitest';
import { fitted, wrapped } from '../../../src/cli/terminal/fit.ts';

describe('cli/terminal/fit', () => {
  test('lines are broken between words and keep their indent', () => {
    expect(wrapped('  The shard has no connection left: raise max_connections.', 30)).toBe(
      '  The shard has no connection\n  left: raise max_connections.',
    );
    expect(wrapped('one\ntwo', 30)).toBe('one\ntwo');
    expect(wrapped('as long as it gets, in a pipe or in a file', undefined)).toBe(
      'as long as it gets, in a pipe or in a file',
    );
  });

  test('a word that is longer than the line stays whole', () => {
    const url = `postgresql://${'x'.repeat(40)}`;
    expect(wrapped(url, 30)).toBe(url);
    expect(wrapped(`  ${url} refuses connections`, 30)).toBe(`  ${url} refuses connections`);
  });

  test('a picture keeps its first rows and the beginning of each', () => {
    expect(fitted('one\ntwo\nthree\nfour\n', { columns: 3, rows: 4, write: () => {} }, 1)).toBe(
      'one\ntwo\n…\n',
    );
    expect(fitted('one\ntwo\n', { columns: 3, rows: 4, write: () => {} }, 1)).toBe('one\ntwo\n');
  });
});
