import { describe, expect, test } from 'vitest';
import { lagText } from '../../src/cli/lag-table.ts';
import { sentenceAge } from '../../src/observability/lag-age.ts';
import {
  type CentralLag,
  centralExceeds,
  exceeds,
  type LagReport,
  type SourceLag,
  unhealthy,
} from '../../src/observability/lag-report.ts';

const source = (changes: Partial<SourceLag> = {}): SourceLag => ({
  shard: 's1',
  queue: 'orders',
  centralQueue: 'orders',
  state: 'idle',
  reason: undefined,
  mover: 'db01',
  eventsBehind: 0,
  isExact: true,
  secondsBehind: 0,
  lastTick: 7,
  moved: 12,
  provider: 'engine',
  ageSeconds: 1,
  ...changes,
});

const queue = (changes: Partial<CentralLag> = {}): CentralLag => ({
  queue: 'orders',
  workersWanted: 4,
  workersRunning: 4,
  eventsBehind: 0,
  isExact: true,
  secondsBehind: 0,
  retrying: 0,
  dead: 0,
  reason: undefined,
  ...changes,
});

const report = (sources: SourceLag[], central = [queue()]): LagReport => ({
  at: new Date(0),
  sources,
  central,
});

const text = (one: LagReport, by?: 'shard' | 'queue' | 'source') =>
  lagText(one, { by, maxSeconds: 60, width: undefined });

describe('observability/lag-report', () => {
  test('the worst comes first: what does not move, then what is far behind, then what was paused', () => {
    const sources = [
      source({ shard: 'well' }),
      source({ shard: 'paused', state: 'paused', reason: 'Paused.' }),
      source({ shard: 'late', state: 'moving', secondsBehind: 61 }),
      source({ shard: 'later', state: 'moving', secondsBehind: 3600 }),
      source({ shard: 'unassigned', state: 'unassigned', reason: 'No mover.' }),
      source({ shard: 'unreachable', state: 'unreachable', reason: 'Gone.' }),
      source({ shard: 'unknown', state: 'idle', secondsBehind: undefined, eventsBehind: undefined }),
      source({ shard: 'halted', state: 'halted', reason: 'Diverged.' }),
      source({ shard: 'tickless', state: 'moving', reason: 'No tick.', secondsBehind: 20 }),
    ];
    expect(unhealthy(sources, 60).map(({ shard }) => shard)).toEqual([
      'halted',
      'unreachable',
      'unassigned',
      'unknown',
      'later',
      'late',
      'tickless',
      'paused',
    ]);
  });

  test('a limit is exceeded by what is late, what does not move and what nobody knows; a fresh pause is not late', () => {
    expect(exceeds(source({ secondsBehind: 60 }), 60)).toBe(false);
    expect(exceeds(source({ secondsBehind: 60.1 }), 60)).toBe(true);
    expect(exceeds(source({ secondsBehind: undefined }), 60)).toBe(true);
    expect(exceeds(source({ state: 'paused', secondsBehind: 0 }), 60)).toBe(false);
    expect(exceeds(source({ state: 'paused', secondsBehind: 61 }), 60)).toBe(true);
    for (const state of ['halted', 'unreachable', 'unassigned'] as const)
      expect(exceeds(source({ state }), 60)).toBe(true);
    expect(centralExceeds(queue({ secondsBehind: 61 }), 60)).toBe(true);
    expect(centralExceeds(queue({ secondsBehind: undefined }), 60)).toBe(true);
    expect(centralExceeds(queue({ secondsBehind: undefined, workersWanted: undefined }), 60)).toBe(false);
  });

  test('ages are said in at most two units', () => {
    expect([0, 0.4, 59.6, 61, 3600, 3725, 90_061, -3].map(sentenceAge)).toEqual([
      '0 s',
      '0 s',
      '1 m',
      '1 m 1 s',
      '1 h',
      '1 h 2 m',
      '1 d 1 h',
      '0 s',
    ]);
  });
});

describe('cli/lag-table', () => {
  test('healthy sources are one line', () => {
    const shown = text(report([source({ secondsBehind: 0.3 }), source({ shard: 's2', state: 'moving' })]));
    expect(shown).toBe(
      [
        'central queue  workers  events behind  behind  retrying  dead',
        'orders          4 of 4              0     0 s         0     0',
        '',
        '2 of 2 sources are healthy: 1 moving, 1 idle, at most 0.3 s behind.',
        '',
      ].join('\n'),
    );
  });

  test('reasons stand in full under their source, once for neighbours that share one', () => {
    const reason = 'Shard s2 refuses connections.';
    const bad = { state: 'unreachable', reason, ageSeconds: 75, eventsBehind: 1234, isExact: false } as const;
    const shown = text(
      report([source(), source({ ...bad, shard: 's2' }), source({ ...bad, shard: 's2', queue: 'emails' })]),
    );
    expect(shown.split('\n').slice(3)).toEqual([
      'source     state        events behind  behind  moved  mover  seen',
      's2:orders  unreachable         ~1,234     0 s     12  db01   1 m 15 s ago',
      `  ${reason}`,
      's2:emails  unreachable         ~1,234     0 s     12  db01   1 m 15 s ago',
      '',
      '1 of 3 sources are healthy: 1 idle, at most 0 s behind.',
      '',
    ]);
  });

  test('at most twenty are shown, and one line counts the rest', () => {
    const sources = Array.from({ length: 1280 }, (_, at) =>
      source(at < 30 ? { shard: `s${at}`, state: 'halted', reason: `Halted ${at}.` } : { shard: `s${at}` }),
    );
    const lines = text(report(sources)).trimEnd().split('\n');
    expect(lines.filter((line) => / halted /.test(line))).toHaveLength(20);
    expect(lines.at(-1)).toBe(
      '10 more are not healthy (10 halted; --by source lists all), 1,250 of 1,280 sources are healthy: 1,250 idle, at most 0 s behind.',
    );
  });

  test('groups say who is in which state, and the sum of what is known', () => {
    const sources = [
      source({ eventsBehind: 5 }),
      source({ queue: 'emails', centralQueue: 'mails', eventsBehind: 7, isExact: false, secondsBehind: 9 }),
      source({
        shard: 's2',
        state: 'halted',
        reason: 'Diverged.',
        eventsBehind: undefined,
        mover: undefined,
      }),
    ];
    expect(text(report(sources), 'shard').split('\n').slice(3)).toEqual([
      'shard  sources  states    events behind  behind  moved  mover',
      's1           2  2 idle              ~12     9 s     24  db01',
      's2           1  1 halted              -       -     12  -',
      '  Diverged.',
      '',
    ]);
    expect(text(report(sources), 'queue')).toMatch(/emails +mails +1 +1 idle/);
  });

  test('nothing that a database says steers the terminal', () => {
    const shown = text(report([source({ state: 'halted', reason: 'a\x1b[2Jb\nc' })]));
    expect(shown).toContain('  ab c\n');
  });
});
