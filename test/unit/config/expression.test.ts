import { describe, expect, test } from 'vitest';
import { whyUnfit } from '../../../src/config/sections/expression.ts';
import { mistakesIn } from '../../support/installation/config-file.ts';

describe('config/sections/expression', () => {
  test.each([
    "ev_type <> 'test'",
    "ev_data like '%--%' and ev_type <> ';'",
    "ev_data ~ E'\\\\(' or ev_extra1 = E'it\\'s) --'",
    "(ev_data::jsonb ->> 'a(b' = 'it''s (')",
    'ev_extra1 = $$ a ) b $$ and ev_extra2 = $x$ -- ; $$ $x$',
    '"odd )name" is null',
    "('{1,2}'::int[])[1] = 1",
    "''''  = ev_data",
    "ev_type = 'a$$b' and a$$b is null",
    "case when ev_type in ('a', 'b') then true else false end",
  ])('is accepted, since it cannot leave its brackets: %s', (expression) => {
    expect(whyUnfit(expression)).toBeUndefined();
  });

  test.each([
    ['true) or (true', /closes a bracket/],
    ['(true', /does not close a bracket/],
    ['(a[1)]', /closes a bracket/],
    ["ev_type <> 'x' -- no tests", /has a comment \(`--`\)/],
    ['true /* ', /has a comment \(`\/\*`\)/],
    ['true) /* and so on', /bracket/],
    ['true; drop table x', /has a semicolon/],
    ["ev_type = 'x", /does not end what it quotes with `'`/],
    ["ev_type = 'x''", /does not end what it quotes/],
    ["ev_type = E'x\\'", /does not end what it quotes/],
    ['"ev_type', /does not end what it quotes with `"`/],
    ['$a$ x $b$', /does not end what it quotes with `\$a\$`/],
  ])('is refused, since it could leave its brackets: %s', (expression, why) => {
    expect(whyUnfit(expression)).toMatch(why);
  });

  test('an expression that is refused is a mistake with its place, for conditions and for columns', () => {
    const text = `central: postgresql://c/events
shards: [postgresql://db1/app]
queues:
  orders: { where: "true) or (true", columns: { data: "ev_data -- all" } }
`;
    expect(mistakesIn(text)).toEqual([
      '4:20 `queues.orders.where` closes a bracket (`)`) that it has not opened: balance its brackets.',
      expect.stringMatching(/^4:\d+ `queues\.orders\.columns\.data` has a comment \(`--`\)/),
    ]);
  });
});
