// The COPY of a commit that does not go in one message: sends rows as they come, no faster than central takes them.
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { COPY_HEADER, COPY_TRAILER } from '../../postgres/binary-copy.ts';
import type { Connection } from '../../postgres/connection.ts';
import { CENTRAL_COLUMNS, DELAYED_COLUMNS } from '../columns.ts';
import type { QueueRows } from './queue-rows.ts';

/** Central processes at least this fast what it has received. */
const CENTRAL_BYTES_PER_MS = 1024;

export const copyInSql = (
  table: string,
  { isDelaying, isRetried }: Pick<QueueRows, 'isDelaying' | 'isRetried'> = {},
): string =>
  `copy ${table} (${isDelaying === true ? `${DELAYED_COLUMNS}, ` : ''}${CENTRAL_COLUMNS}${isRetried === true ? ', ev_retry' : ''}) from stdin (format binary)`;

/** @param timeoutMs without progress the connection is given up. */
export async function copyIn(
  central: Connection,
  {
    table,
    chunks,
    ...kind
  }: Pick<QueueRows, 'chunks' | 'isDelaying' | 'isRetried'> & { readonly table: string },
  timeoutMs: number,
): Promise<void> {
  const sink = central.copyIn(copyInSql(table, kind));
  const giveUp = () => central.destroy();
  let timer = setTimeout(giveUp, timeoutMs);
  let bytes = 0;
  let isOver = false;
  try {
    const done = finished(sink);
    done.catch(() => {
      isOver = true;
    });
    const write = async (chunk: Buffer) => {
      if (!sink.write(chunk)) await drained(sink, done);
      bytes += chunk.length;
      timer.refresh();
    };
    await write(COPY_HEADER);
    for await (const chunk of chunks) await write(chunk);
    await write(COPY_TRAILER);
    sink.end();
    // Central compresses and writes a large event only now that it has all of it.
    clearTimeout(timer);
    timer = setTimeout(giveUp, timeoutMs + bytes / CENTRAL_BYTES_PER_MS);
    await done;
  } catch (error) {
    // Where the rows broke off, central must not take the COPY for complete. A COPY that central refused, or that ended with
    // its connection, would never close.
    if (!isOver) await new Promise<void>((resolve) => sink.destroy(error as Error).once('close', resolve));
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function drained(sink: Writable, done: Promise<void>): Promise<void> {
  await Promise.race([once(sink, 'drain'), done]);
}
