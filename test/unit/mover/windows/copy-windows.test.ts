import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { MoverContext } from '../../../../src/mover/context.ts';
import { MemoryBudget } from '../../../../src/mover/limits/memory-budget.ts';
import type { Parcel } from '../../../../src/mover/parcel.ts';
import { copyWindows } from '../../../../src/mover/windows/copy-windows.ts';
import { COPY_HEADER } from '../../../../src/postgres/binary-copy.ts';
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

/** Of the first window: its number, the event's id and one field. */
function row(id: number, length: number): Buffer {
  const prefix = Buffer.alloc(26);
  prefix.writeInt16BE(3, 0);
  prefix.writeInt32BE(4, 2);
  prefix.writeInt32BE(8, 10);
  prefix.writeBigInt64BE(BigInt(id), 14);
  prefix.writeInt32BE(length, 22);
  return Buffer.concat([prefix, Buffer.alloc(length)]);
}

/** A shard whose COPY gives what is written into `bytes`, chunk by chunk. */
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
  const bytes = new PassThrough({ objectMode: true });
  const connection = {
    script: async () => [],
    copyOut: () => bytes,
    destroy: (reason?: Error) => bytes.destroy(reason),
  } as unknown as Connection;
  const context = {
    budget: new MemoryBudget(8 * MEGABYTE, 2 * MEGABYTE),
    config: { mover: { wholeBytes: 2 * MEGABYTE, wholeEvents: 1_000 } },
    onOccurrence: () => {},
    gathererOf: () => ({ takes: () => true, add: (parcel: Parcel) => parcels.push(parcel) }),
  } as unknown as MoverContext;
  const parcels: Parcel[] = [];
  const told: string[] = [];
  const copied = copyWindows(connection, [{ source, reader: { window, reading: source.reading } }], {
    context,
    label: 'Shard s1',
    clock: {
      awaitsBytes: () => void told.push('waits'),
      gotBytes: (came) => void told.push(came === undefined ? 'ends' : came.isFirst ? 'first' : 'more'),
    },
    ...(firstByteMs === undefined ? {} : { firstByteMs }),
  });
  return { source, bytes, copied, parcels, told };
}

describe('mover/windows/copy-windows', () => {
  test('a window of which no byte comes in time is given up, and read alone the next time', async () => {
    const { source, copied } = given();
    await vi.advanceTimersByTimeAsync(14_000);
    expect(source.isSlow).toBe(false);
    await vi.advanceTimersByTimeAsync(2_000);
    const message = 'Shard s1: reading made no progress for 15 s.';
    expect(await copied).toMatchObject({ rows: 0, failure: { message } });
    expect(source.isSlow).toBe(true);
  });

  test('read alone, a shard may sort for minutes, but once bytes come they must go on coming', async () => {
    const { source, bytes, copied } = given({ firstByteMs: 300_000 });
    await vi.advanceTimersByTimeAsync(200_000);
    bytes.write(Buffer.alloc(10));
    await vi.advanceTimersByTimeAsync(14_000);
    bytes.write(Buffer.alloc(5));
    await vi.advanceTimersByTimeAsync(16_000);
    expect(await copied).toMatchObject({ failure: { code: 'copy-stalled' } });
    expect(source.isSlow).toBe(false);
  });

  test('it says when the shard is waited for, and when not any more', async () => {
    const { bytes, copied, told } = given();
    bytes.write(COPY_HEADER);
    await vi.waitFor(() => expect(told).toEqual(['waits', 'first', 'waits']));
    bytes.write(row(1, 10));
    await vi.waitFor(() => expect(told).toEqual(['waits', 'first', 'waits', 'more', 'waits']));
    bytes.destroy(new Error('The shard is gone.'));
    await copied;
    expect(told).toEqual(['waits', 'first', 'waits', 'more', 'waits', 'ends']);
  });

  test('the result of a read that broke off has what was handed on before, and its end can be awaited', async () => {
    const { source, bytes, copied, parcels } = given();
    for (const chunk of [COPY_HEADER, row(1, 1.5 * MEGABYTE), row(2, 1.5 * MEGABYTE)]) bytes.write(chunk);
    await vi.waitFor(() => expect(parcels).toHaveLength(1));
    bytes.destroy(new Error('The shard is gone.'));
    const { rows, settled, failure } = await copied;
    expect({ rows, failure }).toMatchObject({ rows: 1, failure: { message: 'The shard is gone.' } });
    expect(parcels.map(({ to }) => to.inside?.lastEventId)).toEqual([1]);
    expect(source.underWay.parcels).toBe(1);
    for (const { settle } of parcels) settle();
    expect(await settled).toEqual([undefined]);
    expect(source.underWay.parcels).toBe(0);
  });
});
