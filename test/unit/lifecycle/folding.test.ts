import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Folding } from '../../../src/lifecycle/folding.ts';
import { failureLog } from '../../../src/workers/child/call/failure-log.ts';
import { givenEvents } from '../../support/workers/fake-batch.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function given() {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const folding = new Folding();
  return { lines, folding, onFailure: failureLog(log, folding) };
}

describe('the log of events that fail', () => {
  test('of many that fail alike the first are logged in full, then their number, until it ends', () => {
    const { lines, onFailure } = given();
    const events = givenEvents(Array.from({ length: 403 }, (_, at) => ({ id: at + 1 })));
    for (const event of events.slice(0, 303)) onFailure(event, 'put-off', new Error(`no row ${event.id}`));
    onFailure(events[303] as (typeof events)[0], 'dead', new Error('no row 304'));
    expect(lines.map(({ event, msg }) => [event, msg])).toEqual([
      ...[1, 2, 3].map((event) => [event, 'the event failed and is put off']),
      [304, 'the event failed for the last time and is dead now'],
    ]);
    vi.advanceTimersByTime(10_000);
    expect(lines.slice(4)).toMatchObject([
      {
        msg: 'and 300 events more like this: the event failed and is put off',
        reason: 'no row 303',
      },
    ]);
    for (const event of events.slice(303)) onFailure(event, 'put-off', new Error('no row'));
    expect(lines).toHaveLength(8);
    vi.advanceTimersByTime(30_000);
    expect(lines.slice(8)).toMatchObject([{ msg: /and 97 events more like this/ }]);
    onFailure(events[0] as (typeof events)[0], 'put-off', new Error('no row 1'));
    expect(lines).toHaveLength(10);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(30_000);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('a stack has only the lines of the handler, and the record no fields of the error', () => {
    const { lines, onFailure } = given();
    const error = Object.assign(new Error('no'), { code: '42P01', headers: { authorization: 'secret' } });
    error.stack = [
      'error: no',
      '    at /srv/node_modules/pg/lib/client.js:545:17',
      '    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)',
      '    at async Object.event (file:///srv/handlers/orders.mjs:4:5)',
      '    at async invoke (file:///srv/node_modules/tributary/dist/run/worker.js:991:3)',
    ].join('\n');
    onFailure(givenEvents([{ id: 1 }])[0] as ReturnType<typeof givenEvents>[0], 'put-off', error);
    expect(lines[0]?.err).toEqual({
      type: 'Error',
      message: 'no',
      code: '42P01',
      stack:
        'error: no\n    at /srv/node_modules/pg/lib/client.js:545:17\n    at async Object.event (file:///srv/handlers/orders.mjs:4:5)',
    });
  });
});
