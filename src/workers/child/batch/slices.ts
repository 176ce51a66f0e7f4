// A batch in slices, each a transaction of its own: where a rate or the breaker allows only a few events at a time, where a
// larger transaction has failed though no call did, and where one event kills its workers or loses the connection.
//
// Invariant: a slice whose transaction fails is run again in parts, without what it had committed; an event that fails alone
// is put off or dead.
// Order: a slice that may hold the event that kills is marked in a transaction of its own before it is run. A slice that is
// still marked when the batch is opened again has killed its worker.
import type { BatchEvent } from '../../../handler/event.ts';
import type { FatalCall } from '../../protocol.ts';
import type { BatchResult } from '../batch-environment.ts';
import { inPieces } from '../groups/coalesce.ts';
import { assertOfEvents } from '../narrowing/central-trouble.ts';
import type { Loss } from '../narrowing/losses.ts';
import { markNarrowing, openNarrowing } from '../narrowing/narrowing.ts';
import { fatalEvent, SlicePlan } from '../narrowing/slice-plan.ts';
import { estimate } from '../reading/estimate.ts';
import { readAhead } from '../reading/read-ahead.ts';
import { sliceEnd } from '../reading/same-id.ts';
import { Tripped, untilProbe } from '../tries/probing.ts';
import type { Attempt } from './attempt.ts';
import { KeyPaused } from './key-paused.ts';

/** A slice that fails is cut into this many parts; an event is called again once for each level. */
const PARTS = 8;

export interface SlicesOptions {
  /** The batch is suspected of having killed a worker. */
  readonly isSuspected: boolean;
  /** The call that the worker died in. */
  readonly call?: FatalCall | undefined;
  /** Where the connection was lost again and again. */
  readonly loss?: Loss | undefined;
}

export async function inSlices(
  work: Attempt,
  { isSuspected, call, loss }: SlicesOptions,
): Promise<BatchResult> {
  const { membership, record, recorder, source, size } = work.environment;
  const { suspect: killed, lastEventId } = await openNarrowing(work.connection, membership, work.batch, call);
  const suspect = loss === undefined ? killed : { ...loss, deaths: loss.times, kills: 0 };
  const plan = new SlicePlan({ suspect, isRecorded: loss !== undefined || recorder !== undefined });
  const isNarrowing = isSuspected || loss !== undefined;
  const found = { fatal: fatalEvent(killed), ...(fatalEvent(suspect) === undefined ? {} : { loss }) };
  let afterId = lastEventId;
  for (;;) {
    const read = await readAhead(() => work.transaction(), { batch: work.batch, source, size, afterId });
    const { events } = read;
    await estimate(work.connection, { batch: work.batch, record, read });
    if (events.length === 0) break;
    const ids = events.map(({ id }) => id);
    for (let from = 0, end = 0; from < events.length; from = end) {
      const slice = isNarrowing ? plan.narrowing(ids, from) : plan.plain(ids, from);
      end = await allowed(work, ids, { from, end: slice.end });
      const isMarked = isSuspected && slice.isMarked;
      try {
        await settleSlice(work, events.slice(from, end), { isMarked, ...found });
      } catch (error) {
        if (!(error instanceof Tripped || error instanceof KeyPaused)) throw error;
        work.discard();
        const { lastEventId: last } = error;
        if (error instanceof KeyPaused) {
          afterId = last;
          plan.passed(last);
          break;
        }
        end = from + ids.slice(from, end).filter((id) => id <= last).length;
      }
      afterId = ids[end - 1];
      plan.passed(afterId ?? 0);
    }
  }
  const transaction = work.transaction();
  await transaction.begin();
  await work.finish(transaction);
  return work.result();
}

/** Waits until events may be tried, by the breaker or the queue's rate. @returns the end of those of the slice that may. */
async function allowed(
  { connection, environment }: Attempt,
  ids: readonly number[],
  { from, end }: { readonly from: number; readonly end: number },
): Promise<number> {
  const { draining, handler, rate, record, signs } = environment;
  const most = await untilProbe(record.breaker, { signal: draining, onWaiting: () => signs.progress() });
  if (rate === undefined) return sliceEnd(ids, from, Math.min(end - from, most));
  const granted = await rate.take(connection, {
    most: Math.min(end - from, most),
    least: sliceEnd(ids, from, 1) - from,
    isOneByOne: handler.event !== undefined,
  });
  return sliceEnd(ids, from, granted);
}

interface SliceOptions {
  /** Marked before it is run, so that it is known if it kills its worker. */
  readonly isMarked: boolean;
  /** The id of the event that killed its workers. */
  readonly fatal: number | undefined;
  /** The one event during which the connection was lost again and again. */
  readonly loss?: Loss | undefined;
}

/** Runs a slice in ever smaller transactions, down to the events that fail alone. */
async function settleSlice(
  work: Attempt,
  events: readonly BatchEvent[],
  options: SliceOptions,
): Promise<void> {
  const { batch, connection, environment } = work;
  const ids = events.map(({ id }) => id);
  const isOne = ids[0] === ids.at(-1);
  if (isOne && ids[0] === options.loss?.first) {
    await work.fail(events, options.loss?.error);
    environment.losses.forget();
    return;
  }
  try {
    return await runSlice(work, events, options);
  } catch (error) {
    if (error instanceof Tripped || error instanceof KeyPaused) throw error;
    await assertOfEvents(error, { connection, batch, stopNow: environment.stopNow });
    // An error that prevents this is central's trouble.
    if (isOne) return await work.fail(events, error);
    work.discard();
  }
  // Where much fails, the slice may have been committed in parts.
  const rest = work.uncommitted(events);
  work.passed(events.length - rest.length);
  const restIds = rest.map(({ id }) => id);
  const width = Math.ceil(rest.length / PARTS);
  for (let from = 0, end = 0; from < rest.length; from = end) {
    if (from > 0 && environment.record.breaker.isTripped) throw new Tripped(restIds[from - 1] ?? 0);
    end = sliceEnd(restIds, from, width);
    await settleSlice(work, rest.slice(from, end), options);
  }
}

async function runSlice(
  work: Attempt,
  events: readonly BatchEvent[],
  { isMarked, fatal }: SliceOptions,
): Promise<void> {
  const ids = events.map(({ id }) => id);
  const lastEventId = ids.at(-1) ?? 0;
  const others = events.filter(({ id }) => id !== fatal);
  if (isMarked && others.length > 0) {
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
  for await (const { piece, read } of inPieces([others], work.gathering())) {
    await work.handle(piece, runner);
    work.settled(read);
  }
  work.environment.rate?.ran(others.length, performance.now() - begunMs);
  for (const event of events) if (event.id === fatal) work.killed(event);
  work.settled(events.length - others.length);
  const { hasPaused } = work;
  await work.commitPart(transaction, lastEventId);
  if (others.length > 0) work.environment.onAdvanced();
  work.advanced(events.length);
  if (hasPaused) throw new KeyPaused(lastEventId);
}
