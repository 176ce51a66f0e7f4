import { pino } from 'pino';
import { expect, test } from 'vitest';
import { TributaryError } from '../../../src/errors/tributary-error.ts';
import { logMover } from '../../../src/observability/mover-log.ts';

function givenLog() {
  const lines: string[] = [];
  const log = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line).msg) });
  return { lines, say: logMover(log) };
}

test('a server that is gone is a few lines, whatever its shards are called', () => {
  const { lines, say } = givenLog();
  const error = new TributaryError('it refuses connections.', { code: 'timeout', kind: 'retryable' });
  for (const shard of ['berlin', 'oslo', 'lima', 'rome', 'bonn', 'cairo'])
    say({ kind: 'shard-trouble', shard, error, retryMs: 1_000 });
  expect(lines).toHaveLength(3);
  expect(lines[0]).toContain('it refuses connections');
});

test('a fleet that pgqd ticks is a few lines', () => {
  const { lines, say } = givenLog();
  for (const shard of ['berlin', 'oslo', 'lima', 'rome'])
    for (const queue of ['orders', 'emails']) say({ kind: 'foreign-ticker', shard, queue });
  expect(lines).toEqual([
    'another ticker ticks berlin:orders; ours keeps still',
    'another ticker ticks berlin:emails; ours keeps still',
    'another ticker ticks oslo:orders; ours keeps still',
  ]);
});
