// What the log says of workers.
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { newLogger } from '../../../src/lifecycle/logger.ts';
import { logMover } from '../../../src/observability/mover-log.ts';
import { logWorkers } from '../../../src/observability/worker-log.ts';

describe('observability/worker-log', () => {
  test.each([
    [undefined, 'orders#1 goes on with a batch'],
    ['orders#2@h1', 'orders#1 goes on with a batch of orders#2@h1, which is dead'],
    [
      '%batch 17',
      'orders#1 goes on with a batch that a program opened on the group itself and did not finish',
    ],
  ])('a batch that was of %s', (takenOverFrom, sentence) => {
    const said: string[] = [];
    const log = logWorkers(
      newLogger('info', { write: (line: string) => void said.push(JSON.parse(line).msg) }),
    );
    log({
      kind: 'batch-opened',
      slot: 'orders#1',
      queue: 'orders',
      token: 1,
      openings: 2,
      takenOverFrom,
    } as never);
    expect(said).toEqual([sentence]);
  });

  test('while central is away it is logged a few times, and then as a number', () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const said: string[] = [];
    const logger = newLogger('info', { write: (line: string) => void said.push(JSON.parse(line).msg) });
    const error = Object.assign(new Error(), { code: 'ECONNREFUSED', address: '10.0.0.1', port: 5432 });
    const workers = logWorkers(logger);
    const mover = logMover(logger);
    for (let at = 0; at < 100; at++) {
      workers({ kind: 'pool-trouble', error });
      mover({ kind: 'central-trouble', queue: 'orders', error });
    }
    expect(said).toHaveLength(6);
    expect(new Set(said).size).toBe(1);
    vi.advanceTimersByTime(30_000);
    expect(said.slice(6)).toEqual([1, 2].map(() => `and 97 more like this: ${said[0]}`));
  });
});
