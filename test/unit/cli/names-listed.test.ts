// Arguments that name one shard or several.
import { describe, expect, test } from 'vitest';
import { namesListed } from '../../../src/cli/commands/shard/names-listed.ts';

describe('cli names of shards', () => {
  test('a list has commas between names, each counts once, and a name with commas is that shard', () => {
    const known = new Set(['a', 'b', 'Smith, Jones', 'x,y']);
    for (const [texts, names] of [
      [['a,b'], ['a', 'b']],
      [
        [' a , b ,', 'b'],
        ['a', 'b'],
      ],
      [
        ['a', 'b'],
        ['a', 'b'],
      ],
      [
        ['Smith, Jones', 'x,y'],
        ['Smith, Jones', 'x,y'],
      ],
      [['nobody,a'], ['nobody', 'a']],
      [['x,y,a'], ['x', 'y', 'a']],
      [[','], []],
      [[], []],
    ])
      expect(namesListed(texts as string[], known)).toEqual(names);
  });

  test('a text that is both a name and a list of names is refused', () => {
    expect(() => namesListed(['a,b'], new Set(['a', 'b', 'a,b']))).toThrow(
      /^`a,b` is the name of a shard, and a list of others as well: name those one by one/,
    );
    expect(namesListed(['a', 'b'], new Set(['a', 'b', 'a,b']))).toEqual(['a', 'b']);
  });
});
