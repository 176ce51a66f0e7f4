// A batch in slices, each a transaction of its own: where a rate allows only a few events at a time, and where the event is
// looked for that kills its workers.
//
// Order: a slice that may hold the killer is marked in a transaction of its own before it is run. Found still marked when the
// batch is opened again, it has killed its worker.
import type { BatchEvent } from '../../handler/event.ts';
import type { Suspect } from '../protocol.ts';
import type { BatchResult } from './batch-environment.ts';
import type { BatchWork } from './batch-work.ts';
import { inPieces } from './coalesce.ts';
import { markNarrowing, openNarrowing } from './doors.ts';
import { readAhead } from './read-ahead.ts';
import { condemned, firstWidth, nextSlice, nextWidth, sliceEnd } from './slices.ts';

export interface SlicesOptions {
  /** The batch has killed a worker. */
  readonly isHunting: boolean;
  /** What the handler was called with when it did. */
  readonly call?: Suspect | undefined;
}

export async function inSlices(work: BatchWork, { isHunting, call }: SlicesOptions): Promise<BatchResult> {
  const { membership, recorder, source, size } = work.environment;
  work.isInParts = true;
  const { suspect, lastEventId } = await openNarrowing(work.connection, membership, work.batch, call);
  const options = { suspect, isRecorded: recorder !== undefined };
  const { token } = work.batch;
  let afterId = lastEventId;
  let width = firstWidth(suspect);
  for (;;) {
    const { events } = await readAhead(() => work.transaction(), { token, source, size, afterId });
    if (events.length === 0) break;
    const ids = events.map(({ id }) => id);
    for (let from = 0, end = 0; from < events.length; from = end) {
      const slice = isHunting
        ? nextSlice(ids, from, { width, ...options })
        : { end: sliceEnd(ids, from, width), isMarked: false };
      end = await allowed(work, ids, { from, end: slice.end });
      await runSlice(work, events.slice(from, end), { ...slice, guilty: condemned(suspect) });
      afterId = ids[end - 1];
      width = nextWidth(width, afterId ?? 0, suspect);
    }
  }
  const transaction = work.transaction();
  await transaction.begin();
  await work.finish(transaction);
  return work.result();
}

/** The end of the slice, or of what the queue's rate allows of it, as soon as it does. */
async function allowed(
  { connection, environment }: BatchWork,
  ids: readonly number[],
  { from, end }: { readonly from: number; readonly end: number },
): Promise<number> {
  const { handler, rate } = environment;
  if (rate === undefined) return end;
  const granted = await rate.take(connection, {
    most: end - from,
    least: sliceEnd(ids, from, 1) - from,
    isOneByOne: handler.event !== undefined,
  });
  return sliceEnd(ids, from, granted);
}

async function runSlice(
  work: BatchWork,
  events: readonly BatchEvent[],
  { isMarked, guilty }: { readonly isMarked: boolean; readonly guilty: number | undefined },
): Promise<void> {
  const ids = events.map(({ id }) => id);
  const lastEventId = ids.at(-1) ?? 0;
  const innocent = events.filter(({ id }) => id !== guilty);
  if (isMarked && innocent.length > 0) {
    await markNarrowing(work.connection, work.environment.membership, {
      batch: work.batch,
      slice: [ids[0] ?? 0, lastEventId],
      events: new Set(ids).size,
    });
  }
  const transaction = work.transaction();
  await transaction.begin();
  const runner = work.runner(transaction);
  const begunMs = performance.now();
  for await (const { piece } of inPieces([innocent], work.gathering())) await work.handle(piece, runner);
  work.environment.rate?.ran(innocent.length, performance.now() - begunMs);
  for (const event of events) if (event.id === guilty) work.condemn(event);
  await work.commitPart(transaction, lastEventId);
  if (innocent.length > 0) work.environment.onAdvanced();
  work.progress(events.length);
}
