// What a shard may be called, in the file, in a row of a query, and as a new name.
import { describe, expect, test } from 'vitest';
import { whyNoShardName } from '../../../src/config/sections/shard-name.ts';
import { shellWord } from '../../../src/errors/shell-word.ts';

describe('config/shard-name', () => {
  test('a name may have spaces, commas, quotes, and any script', () => {
    for (const name of [
      'app_017',
      'db01/5432/app',
      'Smith, Jones & "Co"',
      "it's $1 `100` %s \\n > <b>",
      '日本 語',
      'бухгалтерия',
      'caf\u00e9',
      '😀',
      '__proto__',
      'constructor',
      'a-',
      'a@b',
      '0',
      'x'.repeat(500),
    ])
      expect([name, whyNoShardName(name)]).toEqual([name, undefined]);
  });

  test('it must be seen for what it is, and be typed', () => {
    for (const [name, why] of [
      ['', 'must not be empty'],
      [' \t', 'must not be empty'],
      ['a:b', "must not contain a colon, which separates the parts of an event's origin"],
      ['a\nb', /the character U\+000A, which nobody sees/],
      ['a\0b', /U\+0000/],
      ['a\x1b[31mb', /U\+001B/],
      ['a\u200bb', /U\+200B/],
      ['a\u202eb', /U\+202E/],
      ['a\u2028b', /U\+2028/],
      ['a\u00a0b', /U\+00A0/],
      ['a\u3164b', /U\+3164/],
      ['a\ufe0fb', /U\+FE0F/],
      ['a\u{e0041}b', /U\+E0041/],
      ['a\ud800b', /U\+D800/],
      [' a', /begin or end with a space/],
      ['a ', /begin or end with a space/],
      ['-a', /begin with a dash/],
      ['--yes', /begin with a dash/],
      ['@central', /begin with @/],
      ['cafe\u0301', /normalise it to NFC/],
      ['x'.repeat(501), 'must not be longer than 500 bytes'],
      ['é'.repeat(251), 'must not be longer than 500 bytes'],
    ] as const)
      expect([name, whyNoShardName(name)]).toEqual([
        name,
        typeof why === 'string' ? why : expect.stringMatching(why),
      ]);
  });

  test('in a command that is to be pasted it is one word', () => {
    for (const [name, word] of [
      ['app_017', 'app_017'],
      ['db01/app:orders', 'db01/app:orders'],
      ['a b', "'a b'"],
      ["it's", "'it'\\''s'"],
      ['$(reboot)', "'$(reboot)'"],
      ['日本', "'日本'"],
      ['', "''"],
    ])
      expect(shellWord(name as string)).toBe(word);
  });
});
