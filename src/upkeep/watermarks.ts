// Moves the watermark on a shard behind central's position, so that the shard may rotate away what central has.
import { failPoint } from '../lifecycle/fail-point.ts';
import type { Connection } from '../postgres/connection.ts';
import { literal } from '../postgres/quote.ts';
import { fill, sqlFile } from '../postgres/sql-file.ts';

const WATERMARK = sqlFile('shard', 'watermark.sql');

export interface Watermark {
  readonly queue: string;
  /** Tick that central has committed. */
  readonly tickId: number;
  /** How long the watermark stays behind it. */
  readonly keepMs: number;
}

/** A registration that was moved, or made; or, where none is to be made, that is missing. */
export interface MovedWatermark {
  readonly queue: string;
  /** There was none, or there is none any more since the statement began. */
  readonly isNew: boolean;
}

/** Moves the registrations of `consumer` forward, never back; one that is missing is made at the position, unless it is only to be told. */
export async function moveWatermarks(
  shard: Connection,
  watermarks: readonly Watermark[],
  { schema, consumer, registers = true }: { schema: string; consumer: string; registers?: boolean },
): Promise<MovedWatermark[]> {
  if (watermarks.length === 0) return [];
  const request = watermarks.map(({ queue, tickId, keepMs }) => ({
    queue,
    tick_id: tickId,
    keep_s: keepMs / 1000,
  }));
  await failPoint('watermark:before');
  const [rows = []] = await shard.script(
    fill(WATERMARK, {
      ...{ schema, consumer: literal(consumer), request: literal(JSON.stringify(request)) },
      registers: String(registers),
    }),
  );
  await failPoint('watermark:after');
  return rows.map(({ queue, is_new, registered }) => ({
    queue: String(queue),
    // The function says 1 where it made one: a command may have ended the one that the statement saw while the statement waited for it.
    isNew: is_new === true || Number(registered) === 1,
  }));
}

/** The ticks at which `consumer` is registered, by queue. */
export async function readWatermarks(
  shard: Connection,
  { schema, consumer }: { readonly schema: string; readonly consumer: string },
): Promise<ReadonlyMap<string, number>> {
  const rows = await shard.query<{ queue: string; tick: number }>(
    `select q.queue_name as queue, s.sub_last_tick as tick
     from ${schema}.consumer c
     join ${schema}.subscription s on s.sub_consumer = c.co_id
     join ${schema}.queue q on q.queue_id = s.sub_queue
     where c.co_name = $1 and s.sub_last_tick is not null`,
    [consumer],
  );
  return new Map(rows.map(({ queue, tick }) => [queue, tick]));
}
