import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { MoverContext } from '../../../../src/mover/context.ts';
import { MemoryBudget } from '../../../../src/mover/limits/memory-budget.ts';
import { copyWindows } from '../../../../src/mover/windows/copy-windows.ts';
import type { Connection } from '../../../../src/postgres/connection.ts';
import { dialectOf } from '../../../../src/queue/dialect.ts';
import type { QueueOnShard } from '../../../../src/shards/queue-on-shard.ts';
import { givenSource } from '../../../support/mover/gathering.ts';

afterEach(() => {
  vi.useRealTimers();
});

const MEGABYTE = 1_048_576;
const tick = (id: number) => ({
  id,
  timeUs: id,
  eventSeq: id,
  md5: `m${id}`,
  snapshot: `${id}:${id}:`,
  open: false,
});

/** A shard whose COPY gives what is written into `bytes`. */
function given({ firstByteMs }: { firstByteMs?: number } = {}) {
  vi.useFakeTimers();
  const source = givenSource(1);
  const queue: QueueOnShard = {
    queue: 'q1',
    queueId: 1,
    eventTable: 'pgq.event_1',
    provider: 'engine',
    dialect: dialectOf('txid_snapshot'),
  };
  const window = { queue, start: tick(1), end: tick(2), afterEventId: undefined };
  const bytes = new PassThrough();
  const connection = {
    script: async () => [],
    copyOut: () => bytes,
    destroy: (reason?: Error) => bytes.destroy(reason),
  } as unknown as Connection;
  const context = {
    budget: new MemoryBudget(8 * MEGABYTE, 2 * MEGABYTE),
    config: { mover: { wholeBytes: 2 * MEGABYTE, wholeEvents: 1_000 } },
    onOccurrence: () => {},
  } as unknown as MoverContext;
  const copied = copyWindows(connection, [{ source, reader: { window, reading: source.reading } }], {
    context,
    label: 'Shard s1',
    ...(firstByteMs === undefined ? {} : { firstByteMs }),
  });
  copied.catch(() => {});
  return { source, bytes, copied };
}

describe('mover/windows/copy-windows', () => {
  test('a window of which no byte comes in time is given up, and the next time read aside', async () => {
    const { source, copied } = given();
    await vi.advanceTimersByTimeAsync(14_000);
    expect(source.isSlow).toBe(false);
    await vi.advanceTimersByTimeAsync(2_000);
    await expect(copied).rejects.toThrow('Shard s1: reading made no progress for 15 s.');
    expect(source.isSlow).toBe(true);
  });

  test('aside a shard may sort for minutes, but what has begun to come must go on coming', async () => {
    const { source, bytes, copied } = given({ firstByteMs: 300_000 });
    await vi.advanceTimersByTimeAsync(200_000);
    bytes.write(Buffer.alloc(10));
    await vi.advanceTimersByTimeAsync(14_000);
    bytes.write(Buffer.alloc(5));
    await vi.advanceTimersByTimeAsync(16_000);
    await expect(copied).rejects.toThrow('reading made no progress for 15 s.');
    expect(source.isSlow).toBe(false);
  });
});
