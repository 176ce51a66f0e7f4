import { describe, expect, test } from 'vitest';
import { diagnosesOf } from '../../../../src/observability/doctor/central-doctor.ts';
import type { CentralLag } from '../../../../src/observability/lag/report.ts';

const queue = (changes: Partial<CentralLag> = {}): CentralLag => ({
  queue: 'orders',
  workersWanted: 4,
  workersRunning: 4,
  eventsBehind: 20,
  isExact: true,
  secondsBehind: 0.4,
  inPerSecond: 300,
  outPerSecond: 300,
  retrying: 0,
  dead: 3,
  recent: { tried: 100, failed: 0, error: undefined },
  batches: [],
  reason: undefined,
  isStuck: false,
  ...changes,
});

const at = new Date(2026, 10, 30, 14, 0, 0);
const look = (changes: Partial<CentralLag>, { ratePerSecond }: { ratePerSecond?: number } = {}) =>
  diagnosesOf(
    { at, sources: [], central: [queue(changes)] },
    { queues: [{ name: 'orders', ...(ratePerSecond !== undefined && { ratePerSecond }) }] as never },
  );

describe('observability/doctor on central queues', () => {
  test('one that keeps up, or has a moment’s backlog, is no word worth', () => {
    expect(look({})).toEqual([]);
    expect(look({ secondsBehind: 59, eventsBehind: 9_000, inPerSecond: 300, outPerSecond: 310 })).toEqual([]);
    expect(look({ secondsBehind: 29, inPerSecond: 900 })).toEqual([]);
    expect(look({ workersWanted: undefined, secondsBehind: 9_999 })).toEqual([]);
  });

  test('too few workers: what they handle, what arrives, how many hold it', () => {
    const late = { secondsBehind: 61, eventsBehind: 12_345, isExact: false };
    expect(look({ ...late, inPerSecond: 480.4, outPerSecond: 310.2 })).toEqual([
      {
        ...{ cause: 'too-few-workers', of: 'queue', names: ['orders'], severity: 'broken' },
        sentence: 'Queue orders: 4 workers handle 310/s, 480/s arrive; 7 hold this rate.',
        evidence: ['about 12,345 events wait', 'the oldest for 1 m 1 s'],
        remedy: 'Give it more workers.',
        command: 'tributary scale orders 7',
      },
    ]);
    expect(look({ secondsBehind: 31, inPerSecond: 480, outPerSecond: 310 })).toMatchObject([
      { severity: 'risk', command: 'tributary scale orders 7' },
    ]);
  });

  test('a backlog that gets less says when it is gone', () => {
    const late = { secondsBehind: 300, eventsBehind: 120_000, inPerSecond: 100, outPerSecond: 200 };
    expect(look(late)).toMatchObject([
      {
        cause: 'catching-up',
        sentence: 'Queue orders: 4 workers handle 200/s, 100/s arrive; drained at about 14:20.',
      },
    ]);
    expect(look({ ...late, eventsBehind: 12_000_000 })).toMatchObject([
      { sentence: expect.stringContaining('drained at about 2026-12-01 23:20') },
    ]);
  });

  test('a handler that takes seconds is slow, not short of workers', () => {
    const late = { secondsBehind: 61, workersRunning: 1, workersWanted: 1 };
    expect(look({ ...late, inPerSecond: 3, outPerSecond: 0.5 })).toMatchObject([
      {
        cause: 'handler-slow',
        sentence:
          'Queue orders: its handler takes about 2 s an event, 1 worker handles 0.5/s, 3/s arrive; 6 hold this rate.',
        command: 'tributary scale orders 6',
      },
    ]);
    const batches = [{ slot: 'orders#1', done: 2, events: 500, seconds: 90 }];
    expect(look({ ...late, outPerSecond: 0, batches })).toMatchObject([
      {
        cause: 'handler-slow',
        evidence: expect.arrayContaining(['orders#1 is at 2 of about 500 events of a batch, since 1 m 30 s']),
      },
    ]);
  });

  test('a rate of the file that is reached is not mended by workers', () => {
    const [found] = look({ secondsBehind: 61, inPerSecond: 200, outPerSecond: 98 }, { ratePerSecond: 100 });
    expect(found).toMatchObject({
      cause: 'rate-reached',
      sentence: 'Queue orders: its `rate:` of 100/s is reached, 200/s arrive.',
    });
    expect(found?.command).toBeUndefined();
  });

  test('what lag says of a queue is said in the same words, with what waits, retries and is dead', () => {
    const reason = 'Of the last 100 events of queue orders 50 failed: boom';
    expect(look({ reason, cause: 'handler-fails', retrying: 1 })).toMatchObject([
      {
        ...{ cause: 'handler-fails', severity: 'broken', sentence: reason },
        evidence: ['20 events wait', 'the oldest for 0 s', '1 event to be tried again', '3 dead events'],
        command: 'tributary reload --workers',
      },
    ]);
  });

  test('delayed events that do not go in are broken, also where nobody works on the queue', () => {
    const reason =
      'Queue orders: of 12 delayed events the next one has been due for 1 m 1 s and does not go in: see the log of the host that holds upkeep:central.';
    expect(look({ workersWanted: undefined, reason, cause: 'delayed-late', isStuck: true })).toMatchObject([
      {
        ...{ cause: 'delayed-late', of: 'queue', severity: 'broken' },
        sentence:
          'Queue orders: of 12 delayed events the next one has been due for 1 m 1 s and does not go in.',
        command: 'tributary delayed list --queue orders',
      },
    ]);
  });

  test('central without upkeep is said once, whatever else is wrong', () => {
    const lacking = { cause: 'no-upkeep', reason: 'Central has had no upkeep.' };
    const two = [queue(lacking), queue({ ...lacking, queue: 'emails', secondsBehind: 99, outPerSecond: 1 })];
    const found = diagnosesOf({ at, sources: [], central: two }, { queues: [] });
    expect(found.map(({ cause, names }) => [cause, ...names])).toEqual([
      ['handler-slow', 'emails'],
      ['no-upkeep', 'central'],
    ]);
  });
});
