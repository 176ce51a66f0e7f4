// What `lag --watch` draws of the time since it began.
import { expect, test } from 'vitest';
import { Trends } from '../../../src/cli/commands/lag/trends.ts';
import type { CentralLag, LagReport, SourceLag } from '../../../src/observability/lag/report.ts';

/** `moved` events of the queue by this second. */
const report = (second: number, moved: number, oldest: number): LagReport => ({
  at: new Date(second * 1_000),
  sources: [{ shard: 's1', queue: 'orders', centralQueue: 'orders', moved, secondsBehind: 0.2 } as SourceLag],
  central: [{ queue: 'orders', outPerSecond: 980, secondsBehind: oldest } as CentralLag],
});

/** A minute in which ever more is moved, and ever older. */
function givenTrends(): Trends {
  const trends = new Trends();
  for (let at = 0; at <= 60; at += 1) trends.add(report(at, at * at * 100, at / 10));
  return trends;
}

test('a line a queue, with what was moved and handled a second and how old the oldest event is', () => {
  const text = givenTrends().text({ width: 80, isAscii: false });
  const [head = '', orders = ''] = text.split('\n');
  expect(head).toMatch(/^ +moved\/s +handled\/s +oldest$/);
  expect(orders).toMatch(/^orders +▂?▇*.*█ 12k +█+ 980 +[▁▂▃▄▅▆▇█]+█ 6 s$/);
});

test.each([80, 40, 200])('at %i columns nothing is wider', (width) => {
  for (const isAscii of [false, true]) {
    const lines = givenTrends().text({ width, isAscii }).split('\n');
    expect(lines.filter((line) => [...line].length > width)).toEqual([]);
    expect(lines[0]?.includes('handled')).toBe(width >= 60);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is what is wanted.
    expect(lines.every((line) => /^[\x00-\x7f]*$/.test(line))).toBe(isAscii);
  }
});

test('what is not known is a gap, and of nothing there is nothing', () => {
  const trends = new Trends();
  expect(trends.text({ width: 80, isAscii: false })).toBe('');
  trends.add(report(1, 10, 0));
  expect(trends.text({ width: 80, isAscii: false })).toMatch(/\? +█ 980 +▃ 0\.2 s/);
});
