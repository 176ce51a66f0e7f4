// What the log says of workers.
import { describe, expect, test } from 'vitest';
import { newLogger } from '../../../src/lifecycle/logger.ts';
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
});
