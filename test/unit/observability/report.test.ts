import { describe, expect, test } from 'vitest';
import { lagText } from '../../../src/cli/terminal/lag-table.ts';
import { sentenceAge } from '../../../src/errors/age.ts';
import {
  type CentralLag,
  centralExcesses,
  exceeds,
  type LagReport,
  lagJson,
  type SourceLag,
  unhealthy,
} from '../../../src/observability/lag/report.ts';

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
  recent: { tried: 0, failed: 0, error: undefined },
  batches: [],
  reason: undefined,
  isStuck: false,
  ...changes,
});

const report = (sources: SourceLag[], central = [queue()]): LagReport => ({
  at: new Date(0),
  sources,
  central,
});

const text = (one: LagReport, by?: 'shard' | 'queue' | 'source') =>
  lagText(one, { by, maxSeconds: 60, width: undefined });

describe('observability/lag/report', () => {
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
    const limits = { maxSeconds: 60 };
    expect(exceeds(source({ secondsBehind: 60 }), limits)).toBe(false);
    expect(exceeds(source({ secondsBehind: 60.1 }), limits)).toBe(true);
    expect(exceeds(source({ secondsBehind: undefined }), limits)).toBe(true);
    expect(exceeds(source({ state: 'paused', secondsBehind: 0 }), limits)).toBe(false);
    expect(exceeds(source({ state: 'paused', secondsBehind: 61 }), limits)).toBe(true);
    for (const state of ['halted', 'unreachable', 'unassigned'] as const) {
      expect(exceeds(source({ state }), limits)).toBe(true);
      expect(exceeds(source({ state }), {})).toBe(true);
    }
    expect(exceeds(source({ secondsBehind: 1e9 }), {})).toBe(false);
  });

  test('a central queue exceeds by its age, its dead and retrying events, its failures, and where it is stuck', () => {
    const excesses = (changes: Partial<CentralLag>, limits = {}) => centralExcesses(queue(changes), limits);
    expect(excesses({ secondsBehind: 61 }, { maxSeconds: 60 })).toEqual(['central queue orders']);
    expect(excesses({ secondsBehind: undefined }, { maxSeconds: 60 })).toEqual(['central queue orders']);
    expect(excesses({ secondsBehind: 61 })).toEqual([]);
    const forwarded = { secondsBehind: undefined, workersWanted: undefined };
    expect(excesses(forwarded, { maxSeconds: 60 })).toEqual([]);
    expect(excesses({ isStuck: true })).toEqual(['central queue orders']);
    const recent = (tried: number, failed: number) => ({ recent: { tried, failed, error: undefined } });
    expect(excesses(recent(400, 41))).toEqual(['central queue orders']);
    expect(excesses(recent(400, 40))).toEqual([]);
    expect(excesses(recent(4, 4))).toEqual([]);
    expect(excesses({ dead: 3, retrying: 5 }, { maxDead: 2, maxRetrying: 5 })).toEqual([
      '3 dead events in orders',
    ]);
    expect(excesses({ dead: 3, retrying: 5 }, { maxDead: 3, maxRetrying: 4 })).toEqual([
      '5 retrying events in orders',
    ]);
  });

  test('ages are written in at most two units', () => {
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

describe('cli/terminal/lag-table', () => {
  test('healthy sources are one line', () => {
    const shown = text(report([source({ secondsBehind: 0.3 }), source({ shard: 's2', state: 'moving' })]));
    expect(shown).toBe(
      [
        'central queue  workers  events behind  behind  in/s  out/s  retrying  dead',
        'orders          4 of 4              0     0 s     -      -         0     0',
        '',
        '2 of 2 sources are healthy: 1 moving, 1 idle, at most 0.3 s behind.',
        '',
      ].join('\n'),
    );
  });

  test('reasons are written in full under their source, once for sources in a row that share one', () => {
    const reason = 'Shard s2 refuses connections.';
    const bad = { state: 'unreachable', reason, ageSeconds: 75, eventsBehind: 1234, isExact: false } as const;
    const shown = text(
      report([
        source(),
        source({ ...bad, shard: 's2', stateSeconds: 125 }),
        source({ ...bad, shard: 's2', queue: 'emails' }),
      ]),
    );
    expect(shown.split('\n').slice(3)).toEqual([
      'source   state            for  events behind  behind  moved  mover  seen',
      '2 of s2  unreachable  2 m 5 s         ~2,468     0 s     24  db01   1 m 15 s ago',
      `  ${reason}`,
      '',
      '1 of 3 sources are healthy: 1 idle, at most 0 s behind.',
      '',
    ]);
  });

  test('one cause is one sentence, with the shards that it names', () => {
    const dead = (shard: string, queue: string, ageS: number) =>
      source({
        shard,
        queue,
        state: 'unassigned',
        reason: `No mover moves shard ${shard}: the one on host a last reported ${ageS} s ago; start it.`,
        eventsBehind: 1,
        secondsBehind: ageS,
      });
    const days = Array.from({ length: 12 }, (_, at) => `day_${at + 1}`);
    const sources = days.flatMap((day, at) => [dead(day, 'orders', 30 + at), dead(day, 'mails', 60 + at)]);
    const other = source({ shard: 'day_13', state: 'unassigned', reason: 'No mover moves shard day_13.' });
    const shown = text(report([...sources, other]));
    expect(shown.split('\n').slice(3)).toEqual([
      'source           state       for  events behind    behind  moved  mover  seen',
      '24 of 12 shards  unassigned    -             24  1 m 11 s    288  db01   now',
      '  day_1, day_2, day_3, day_4, day_5, day_6, day_7, day_8 and 4 more: No mover moves shard day_12: the one on host a last reported 71 s ago; start it.',
      'day_13:orders    unassigned    -              0       0 s     12  db01   now',
      '  No mover moves shard day_13.',
      '',
      '0 of 25 sources are healthy.',
      '',
    ]);
  });

  test('for events that wait long a line says when the workers catch up, at the rates of the last minute', () => {
    const late = { eventsBehind: 60_000, secondsBehind: 70 };
    const note = (changes: Partial<CentralLag>) =>
      text(report([source()], [queue({ ...late, ...changes })])).split('\n')[2];
    expect(note({ inPerSecond: 300, outPerSecond: 800 })).toBe(
      '  At the rates of the last minute queue orders has caught up in about 2 m.',
    );
    expect(note({ inPerSecond: 800, outPerSecond: 800 })).toMatch(/^ {2}Queue orders gets no less/);
    for (const unknown of [
      { inPerSecond: 300 },
      { outPerSecond: 800 },
      { inPerSecond: 300, outPerSecond: 0 },
      { inPerSecond: 300, outPerSecond: 800, isStuck: true },
      { inPerSecond: 300, outPerSecond: 800, secondsBehind: 3 },
      { inPerSecond: 300, outPerSecond: 800, eventsBehind: undefined },
    ])
      expect(note(unknown)).toBe('');
    const { central } = lagJson(report([], [queue({ ...late, inPerSecond: 300, outPerSecond: 800 })]));
    expect(central[0]).toMatchObject({ in_per_second: 300, out_per_second: 800, eta_seconds: 120 });
  });

  test('on a narrow terminal what matters keeps its room', () => {
    const dead = queue({
      queue: 'a_long_name_of_a_queue',
      dead: 1_234,
      retrying: 5_678,
      inPerSecond: 3,
      outPerSecond: 4,
    });
    const shown = (width: number) =>
      lagText(report([source({ state: 'halted', reason: 'No.' })], [dead]), {
        by: undefined,
        maxSeconds: 60,
        width,
      });
    for (const width of [60, 80]) {
      const tables = shown(width).split('\n');
      expect(tables[1]).toContain('1,234');
      for (const line of tables) expect(line.length).toBeLessThanOrEqual(width);
    }
    expect(shown(80)).toContain('out/s');
    expect(shown(79)).not.toContain('out/s');
  });

  test('a batch that takes long is shown with its progress, under the reason if there is one', () => {
    const batches = [{ slot: 'orders#1', done: 87_000, events: 490_000, seconds: 125 }];
    const lines = text(report([source()], [queue({ batches, reason: 'It is slow.' })])).split('\n');
    expect(lines.slice(2, 4)).toEqual([
      '  It is slow.',
      '  orders#1 is at 87,000 of about 490,000 events of a batch, since 2 m 5 s.',
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

  test('text from a database cannot control the terminal', () => {
    const shown = text(report([source({ state: 'halted', reason: 'a\x1b[2Jb\nc' })]));
    expect(shown).toContain('  ab c\n');
  });
});
