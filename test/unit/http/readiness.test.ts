// Whether a host is ready, from a report of lag: what it is responsible for, and that what is not known is not well.
import { describe, expect, test } from 'vitest';
import { type Duties, readinessOf } from '../../../src/http/health/readiness.ts';
import { CAUSES } from '../../../src/observability/doctor/causes.ts';
import type { CentralLag, LagReport, SourceLag } from '../../../src/observability/lag/report.ts';

const config = givenShards();
const alpha: Duties = { host: 'alpha', movesShards: true, queues: ['orders'] };

function givenShards() {
  return {
    shards: [
      { name: 's1', moverHost: 'alpha' },
      { name: 's2', moverHost: 'beta' },
      { name: 's3', moverHost: 'any' },
    ],
    queues: [{ name: 'orders' }],
  } as unknown as Parameters<typeof readinessOf>[2];
}

const source = (shard: string, changes: Partial<SourceLag> = {}): SourceLag => ({
  shard,
  queue: 'orders',
  centralQueue: 'orders',
  state: 'moving',
  reason: undefined,
  mover: shard === 's2' ? 'beta' : 'alpha',
  eventsBehind: 3,
  isExact: true,
  secondsBehind: 0.4,
  lastTick: 9,
  moved: 100,
  provider: 'engine',
  ageSeconds: 1,
  ...changes,
});

const queue = (changes: Partial<CentralLag> = {}): CentralLag => ({
  queue: 'orders',
  workersWanted: 2,
  workersRunning: 2,
  eventsBehind: 0,
  isExact: true,
  secondsBehind: 0,
  retrying: 0,
  dead: 5,
  recent: { tried: 100, failed: 0, error: undefined },
  batches: [],
  reason: undefined,
  isStuck: false,
  ...changes,
});

const reasons = (
  sources: readonly SourceLag[],
  { central = [queue()], duties = alpha }: { central?: readonly CentralLag[]; duties?: Duties } = {},
) => judged(sources, central, duties).reasons;

const judged = (
  sources: readonly SourceLag[],
  central: readonly CentralLag[] = [queue()],
  duties: Duties = alpha,
) => readinessOf({ at: new Date(0), sources, central } satisfies LagReport, duties, config);

const sentences = (...args: Parameters<typeof reasons>) => reasons(...args).map(({ sentence }) => sentence);

describe('http/readiness', () => {
  test('a host whose sources move and whose queue is worked off is ready', () => {
    expect(reasons([source('s1'), source('s3')])).toEqual([]);
  });

  test.each([
    ['halted', 'halted', 'Source s1:orders is halted: why.'],
    ['unreachable', 'shard-away', 'Shard s1 refuses connections.'],
    ['unassigned', 'not-in-file', 'Source s1:orders is not in the file.'],
  ] as const)('one that is %s is a reason, with its cause and its remedy', (state, cause, reason) => {
    expect(reasons([source('s1', { state, reason, why: { cause } })])).toEqual([
      {
        ...{ of: 'source', names: ['s1:orders'], count: 1, state, sentence: reason, cause },
        ...{
          evidence: ['3 events wait', 'the oldest for 0 s', 'mover on alpha'],
          remedy: CAUSES[cause].remedy,
        },
      },
    ]);
  });

  test('figures that are old, or are not there, are no good news', () => {
    expect(sentences([source('s1', { ageSeconds: 11 })])).toEqual([
      'How far source s1:orders is behind is not known.',
    ]);
    for (const missing of ['ageSeconds', 'secondsBehind', 'eventsBehind'] as const)
      expect([missing, reasons([source('s1', { [missing]: undefined })]).length]).toEqual([missing, 1]);
    expect(sentences([source('s1', { state: 'idle', ageSeconds: 3_600 })])).toHaveLength(1);
  });

  test('what waits for more than a minute is late', () => {
    expect(sentences([source('s1', { secondsBehind: 61 })])).toEqual([
      'Source s1:orders is moved and late: the oldest event has waited for 1 m 1 s.',
    ]);
    expect(sentences([], { central: [queue({ secondsBehind: 61 })] })).toEqual([
      'Queue orders: its oldest event has waited for 1 m 1 s to be handled; how much its workers handle is not known yet.',
    ]);
    expect(sentences([], { central: [queue({ secondsBehind: undefined })] })).toEqual([
      'Queue orders: how long its events have waited is not known.',
    ]);
  });

  test('what an operator has stopped is shown and is no reason, however much waits there', () => {
    const paused = { state: 'paused', reason: 'Paused.', why: { cause: 'paused' } } as const;
    const parked = queue({
      workersWanted: 0,
      workersRunning: 0,
      secondsBehind: 61,
      ...{ reason: 'Queue orders is parked.', cause: 'parked' },
    });
    const retired = { state: 'unassigned', reason: 'It was retired.', why: { cause: 'retired' } } as const;
    expect(judged([source('s1', retired)])).toMatchObject({
      reasons: [],
      onPurpose: [{ cause: 'retired', names: ['s1:orders'] }],
    });
    for (const secondsBehind of [0.4, 61, undefined]) {
      const { reasons: broken, onPurpose } = judged([source('s1', { ...paused, secondsBehind })], [parked]);
      expect(broken).toEqual([]);
      expect(onPurpose.map(({ cause, names }) => [cause, ...names]).sort()).toEqual([
        ['parked', 'orders'],
        ['paused', 's1:orders'],
      ]);
    }
    const gone = { isStuck: true, reason: 'Queue orders does not exist.', cause: 'queue-missing' };
    expect(judged([], [queue({ ...gone, workersWanted: 0 })]).reasons).toHaveLength(1);
  });

  test('a host answers for its own shards, for those it has adopted, and for those of any host that nobody moves', () => {
    const dead = { state: 'unassigned', reason: 'Nobody moves it.' } as const;
    expect(reasons([source('s2', dead)])).toEqual([]);
    expect(reasons([source('s2', { ...dead, mover: 'alpha' })])).toHaveLength(1);
    expect(reasons([source('s1', { ...dead, mover: 'beta' })])).toHaveLength(1);
    expect(reasons([source('s3', { ...dead, mover: 'beta' })])).toEqual([]);
    expect(reasons([source('s3', { ...dead, mover: undefined })])).toHaveLength(1);
    expect(reasons([source('s1', dead)], { duties: { ...alpha, movesShards: false } })).toEqual([]);
  });

  test('a host of workers answers for the queues that it works on', () => {
    const stuck = queue({
      ...{ isStuck: true, cause: 'no-worker', reason: 'No worker runs for queue orders.' },
    });
    expect(reasons([], { central: [stuck] })).toMatchObject([
      {
        ...{ of: 'queue', names: ['orders'], count: 1, sentence: 'No worker runs for queue orders.' },
        ...{ cause: 'no-worker', command: 'tributary work' },
      },
    ]);
    expect(reasons([], { central: [stuck], duties: { ...alpha, queues: [] } })).toEqual([]);
    const failing = queue({
      recent: { tried: 100, failed: 50, error: 'boom' },
      reason: 'Half of them failed: boom',
    });
    expect(sentences([], { central: [failing] })).toEqual(['Half of them failed: boom']);
  });

  test('one cause is one reason, however many sources it has', () => {
    const all = Array.from({ length: 40 }, (_, n) =>
      source('s1', { queue: `q${n}`, state: 'unreachable', reason: 'The server of s1 is gone.' }),
    );
    const [only, ...others] = reasons(all);
    expect(others).toEqual([]);
    expect([only?.count, only?.names.length]).toEqual([40, 20]);
    expect(only?.sentence).toBe('40 sources of shard s1: The server of s1 is gone.');
  });
});
