// The state of the page from a reading of central: sentence at the top, cells, queues; and what 1280 sources cost.
import { describe, expect, test } from 'vitest';
import { emptyState, stateOf } from '../../../../src/http/dashboard/build-state.ts';
import { headlineOf } from '../../../../src/http/dashboard/headline.ts';
import { layoutOf } from '../../../../src/http/dashboard/layout.ts';
import type { CentralLag, LagReport, SourceLag } from '../../../../src/observability/lag/report.ts';
import { givenConfig } from '../../../support/installation/config-file.ts';

const givenFile = () =>
  givenConfig(`central: postgresql://db/central
shards:
  - { name: s1, host: alpha, url: postgresql://db/s1 }
  - { name: s2, host: beta, url: postgresql://db/s2 }
  - { name: s3, host: alpha, url: postgresql://db/s3 }
  - { name: s4, host: any, url: postgresql://db/s4 }
queues:
  orders: { workers: none }
  mails: { workers: none, from: [mail_out, mail_bulk] }
http: { listen: ':7717', actions: true }
`);
const givenLayout = () => layoutOf(givenFile(), '9.9.9');

const source = (shard: string, queue: string, changes: Partial<SourceLag> = {}): SourceLag => ({
  shard,
  queue,
  centralQueue: queue === 'orders' ? 'orders' : 'mails',
  state: 'idle',
  reason: undefined,
  mover: 'alpha',
  eventsBehind: 0,
  isExact: true,
  secondsBehind: 0.123,
  lastTick: 1,
  moved: 10,
  provider: 'engine',
  ageSeconds: 0.5,
  ...changes,
});

const queue = (name: string, changes: Partial<CentralLag> = {}): CentralLag => ({
  queue: name,
  workersWanted: 2,
  workersRunning: 2,
  eventsBehind: 100,
  isExact: true,
  secondsBehind: 20,
  inPerSecond: 10,
  outPerSecond: 20,
  retrying: 1,
  dead: 2,
  recent: { tried: 0, failed: 0, error: undefined },
  batches: [],
  reason: undefined,
  isStuck: false,
  ...changes,
});

const report = (sources: readonly SourceLag[], central: readonly CentralLag[] = []): LagReport => ({
  at: new Date('2026-01-31T12:01:44Z'),
  sources,
  central,
});

const NIGHTLY = {
  ...{ name: 'nightly', cron: '0 3 * * *', zone: 'UTC', sent: 4, pausedBy: null },
  ...{ next: '2026-02-01T03:00:00.000Z', last: '2026-01-31T03:00:00.000Z' },
};

const built = (given: LagReport) =>
  stateOf(
    {
      ...{ report: given, members: [], busy: new Map([['orders', 1]]), delivered: undefined, diagnoses: [] },
      ...{ retries: [], schedules: new Map([['mails', [NIGHTLY]]]) },
    },
    givenLayout(),
  );

describe('dashboard/state', () => {
  test('a queue has a map, its groups have none, and a line each', () => {
    const config = givenConfig(`central: postgresql://db/central
shards: [{ name: s1, host: alpha, url: postgresql://db/s1 }]
queues: { orders: { groups: { billing: { workers: 0 }, search: { workers: 0 } } } }
`);
    const layout = layoutOf(config, '9.9.9');
    expect(layout.queues).toEqual([
      { name: 'orders', from: ['orders'], isWorked: false },
      { name: 'orders/billing', from: [], isWorked: true, groupOf: 'orders' },
      { name: 'orders/search', from: [], isWorked: true, groupOf: 'orders' },
    ]);
    expect(Object.keys(emptyState(layout, '').cells)).toEqual(['orders']);
  });

  test('rows are the hosts of the file, cells their shards, and what the page may do is said', () => {
    const [layout, { hash: fileHash }] = [givenLayout(), givenFile()];
    expect(layout).toMatchObject({ name: 'tributary', version: '9.9.9', actions: true, fileHash });
    expect(layout.hosts).toEqual([
      { name: 'alpha', shards: ['s1', 's3'] },
      { name: 'beta', shards: ['s2'] },
      { name: 'any host', shards: ['s4'] },
    ]);
    expect(layout.queues[1]).toEqual({ name: 'mails', from: ['mail_out', 'mail_bulk'], isWorked: false });
  });

  test('a cell is the worst source of its shard, by state, then by age, seen as long ago as the older', () => {
    const { cells } = built(
      report([
        source('s1', 'mail_out', { secondsBehind: 3, ageSeconds: 1 }),
        source('s1', 'mail_bulk', { secondsBehind: 5, ageSeconds: 9 }),
        source('s3', 'mail_bulk', { state: 'moving', secondsBehind: 80 }),
        source('s3', 'mail_out', { state: 'halted', secondsBehind: 1 }),
        source('s4', 'mail_bulk'),
        source('s4', 'mail_out'),
        source('s2', 'mail_out', { secondsBehind: undefined, ageSeconds: undefined }),
        source('s2', 'mail_bulk', { secondsBehind: 900 }),
        source('stranger', 'mail_out', { state: 'halted' }),
      ]),
    );
    expect(cells).toEqual({
      orders: Array(4).fill(['unassigned', null, null]),
      mails: [
        // The second of the queue's sources is the worst: the cell leads to it.
        ['idle', 5, 9, 1],
        ['halted', 1, 0.5],
        ['idle', null, null],
        ['idle', 0.1, 0.5],
      ],
    });
  });

  test('a queue has its figures, and none that is not known', () => {
    const { queues } = built(
      report(
        [],
        [
          queue('orders', {
            ...{ delayed: 7, nextDelayed: new Date('2026-01-31T12:30:00Z') },
            ...{ lanes: 8, paused: { keys: 2, events: 30, seconds: 61, oldest: 'a' } },
          }),
          queue('mails', { workersWanted: undefined, inPerSecond: undefined }),
        ],
      ),
    );
    expect(queues[0]).toEqual({
      ...{ name: 'orders', inRate: 10, outRate: 20, waiting: 100, age: 20, drainedIn: 10 },
      ...{ workersUp: 2, workersWanted: 2, workersBusy: 1, retrying: 1, dead: 2, reason: null },
      ...{ delayed: 7, nextDelayed: '2026-01-31T12:30:00.000Z', schedules: [] },
      ...{ lanes: 8, pausedKeys: 2, pausedFor: 61 },
    });
    expect(queues[1]).toMatchObject({
      inRate: null,
      drainedIn: null,
      workersWanted: null,
      workersBusy: null,
      ...{ delayed: 0, nextDelayed: null, schedules: [NIGHTLY] },
      ...{ lanes: 0, pausedKeys: 0, pausedFor: null },
    });
  });

  test.each([
    [[source('s1', 'orders')], [], 'The one source is well.'],
    [[source('s1', 'orders'), source('s2', 'orders')], [], 'All 2 sources are well.'],
    [
      [source('s1', 'orders'), source('s2', 'orders', { state: 'halted', reason: 'It is.' })],
      [],
      '1 of 2 sources is well, 1 needs you.',
    ],
    [
      [source('s1', 'orders'), source('s2', 'orders', { ageSeconds: 700 })],
      [],
      '1 of 2 sources is well, 1 needs you.',
    ],
    [
      [source('s1', 'orders', { state: 'paused', reason: 'It is.' }), source('s2', 'orders')],
      [],
      '1 of 2 sources is well, 1 is paused.',
    ],
    [
      [source('s1', 'orders')],
      [queue('orders', { isStuck: true }), queue('mails')],
      'The one source is well. Central queue orders needs you.',
    ],
    [
      [source('s1', 'orders')],
      [queue('orders', { secondsBehind: 61 }), queue('mails', { secondsBehind: undefined })],
      'The one source is well. 2 of 2 central queues need you.',
    ],
  ])('the sentence at the top counts what needs somebody: %#', (sources, central, sentence) => {
    expect(headlineOf(report(sources, central))).toBe(sentence);
  });

  test('where all is well it says how fast events are', () => {
    const median = (medianSeconds: number) =>
      headlineOf(report([source('s1', 'orders')], []), { events: 9, medianSeconds });
    expect(median(0.1834)).toBe(
      'The one source is well. Half of all events reach their handler within 180 ms.',
    );
    expect(median(12.34)).toMatch(/within 12 s\.$/);
  });

  test('what is not known is not well, and central that never answered is no empty installation', () => {
    const { at, stale, cells } = emptyState(givenLayout(), 'Central is away.');
    expect([at, stale]).toEqual([null, 'Central is away.']);
    expect(cells).toMatchObject({ orders: Array(4).fill(['unassigned', null, null]) });
  });
});
