// The tables of `lag` on terminals of several widths: what does not fit is left out, and not cut to pieces.
import { describe, expect, test } from 'vitest';
import { lagText } from '../../../src/cli/terminal/lag-table.ts';
import type { CentralLag, LagReport, SourceLag } from '../../../src/observability/lag/report.ts';

const source: SourceLag = {
  ...{ shard: 'app_003', queue: 'orders', centralQueue: 'orders', state: 'unreachable', mover: 'db01' },
  ...{ reason: 'Shard app_003 does not answer.', eventsBehind: 120_000, isExact: false, secondsBehind: 190 },
  ...{ lastTick: 7, moved: 1_502_120, provider: 'bundled', ageSeconds: 190, stateSeconds: 190 },
};
const central = {
  ...{ queue: 'orders', workersWanted: 12, workersRunning: 11, eventsBehind: 48_231, isExact: false },
  ...{ secondsBehind: 212, inPerSecond: 480, outPerSecond: 310, retrying: 12, dead: 1_234 },
  ...{ recent: { tried: 0, failed: 0, error: undefined }, batches: [], reason: undefined, isStuck: false },
} as CentralLag;
const report: LagReport = { at: new Date(0), sources: [source], central: [central] };

const linesAt = (width: number) => lagText(report, { by: undefined, maxSeconds: 60, width }).split('\n');

describe('cli/terminal/lag-table', () => {
  test.each([
    [100, /dead {2}delayed\n.* 1,234 +12,345\n/],
    [80, /dead\n.* 1,234\n[\s\S]*\n {2}12,345 delayed events wait for their time\.\n/],
    [50, /dead\n.* 1,234\n[\s\S]*\n {2}12,345 delayed events wait for their time\.\n/],
  ])('at %i columns delayed events have a column, or a line where there is no room', (width, is) => {
    const delaying = { ...report, sources: [], central: [{ ...central, delayed: 12_345 }] };
    const text = lagText(delaying, { by: undefined, maxSeconds: 60, width });
    expect(text).toMatch(is);
    expect(text.split('\n').filter((line) => line.length > width)).toEqual([]);
  });

  test.each([200, 100, 80])('at %i columns no word and no figure is cut', (width) => {
    const lines = linesAt(width);
    expect(lines.filter((line) => line.includes('…'))).toEqual([]);
    expect(lines.filter((line) => line.length > width)).toEqual([]);
    expect(lines.some((line) => /^app_003:orders +unreachable /.test(line))).toBe(true);
  });

  test('at 50 columns the state, what is behind and dead events are there whole', () => {
    const lines = linesAt(50);
    expect(lines.filter((line) => line.length > 50)).toEqual([]);
    const text = lines.join('\n');
    for (const whole of [
      '~48,231',
      '3 m 32 s',
      '1,234',
      '11 of 12',
      '~120,000',
      '3 m 10 s',
      'does not answer.',
    ])
      expect(text).toContain(whole);
  });
});
