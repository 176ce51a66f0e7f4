// Reads some windows of one shard in one COPY and hands them to the gatherers.
//
// Fails by: a failure is part of the result, beside what was complete before it, which is under way all the same.
import { canBeEventsFault, sqlstateOf } from '../../errors/sqlstate.ts';
import { TributaryError } from '../../errors/tributary-error.ts';
import { failPoint } from '../../lifecycle/fail-point.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import type { Connection } from '../../postgres/connection.ts';
import { endCopyOut, startCopyOut } from '../../shards/copy-out.ts';
import type { MoverContext } from '../context.ts';
import { Assembler } from './assembler.ts';
import { Cutter } from './cutter.ts';
import { type Copied, type Found, NOTHING_COPIED } from './found.ts';
import { withoutUnreadable } from './unreadable-events.ts';

/** Puts these windows together and hands them to the gatherers. */
export function assemblerOf(found: readonly Found[], context: MoverContext): Assembler {
  const { budget, config, onOccurrence } = context;
  return new Assembler(found, {
    budget,
    wholeBytes: config.mover.wholeBytes,
    wholeEvents: config.mover.wholeEvents,
    emit: (parcel) => context.gathererOf(parcel.source).add(parcel),
    onCut: ({ shard, queue }, cut) => onOccurrence({ kind: 'window-cut', shard, queue, ...cut }),
    onOriginTaken: ({ shard, queue }, rows) => onOccurrence({ kind: 'origin-taken', shard, queue, rows }),
  });
}

/** Told when the shard is to send bytes, and when they came. */
export interface CopyClock {
  awaitsBytes(): void;
  gotBytes(came?: { readonly isFirst: boolean }): void;
}

export interface CopyOptions {
  readonly context: MoverContext;
  /** What is read, for errors: `Shard app_017`. */
  readonly label: string;
  /** How long the shard may take until its first byte: it sorts the whole window before it sends any of it. */
  readonly firstByteMs?: number;
  readonly clock?: CopyClock;
}

/** One window alone: where reading fails for single events, it is read again without them. */
export async function copyOne(connection: Connection, found: Found, options: CopyOptions): Promise<Copied> {
  const copied = await copyWindows(connection, [found], options);
  // What was handed on is committed first; then the rest of the window comes again.
  if (copied.rows > 0 || connection.failed || !canBeEventsFault(copied.failure)) return copied;
  try {
    await connection.script('rollback');
    const { condemner } = options.context;
    const readable = await withoutUnreadable(connection, found, { cause: copied.failure, condemner });
    return readable === undefined ? NOTHING_COPIED : await copyWindows(connection, [readable], options);
  } catch (failure) {
    return { ...NOTHING_COPIED, failure };
  }
}

/** Some windows together: where reading fails, it is not known for which of them. */
export async function copyWindows(
  connection: Connection,
  found: readonly Found[],
  { context, label, firstByteMs = TIMING.reading.copyMs, clock }: CopyOptions,
): Promise<Copied> {
  const { config } = context;
  const assembler = assemblerOf(found, context);
  await failPoint('copy-out:before');
  let giveUp: (error: Error) => void = () => {};
  // Also while rows wait for memory: the sources that hold it may wait for this one.
  const stalled = new Promise<never>((_resolve, reject) => {
    giveUp = reject;
  });
  stalled.catch(() => {});
  const patienceOf = (ms: number) =>
    setTimeout(() => {
      const error = new TributaryError(`${label}: reading made no progress for ${ms / 1000} s.`, {
        code: 'copy-stalled',
        kind: 'retryable',
      });
      connection.destroy(error);
      giveUp(error);
      // How many events a window holds is seen only by reading it: no tick shows events of a transaction that was open for long.
      if (!hasBegun) for (const { source } of found) source.tooSlow();
    }, ms);
  let hasBegun = false;
  let patience = patienceOf(firstByteMs);
  clock?.awaitsBytes();
  try {
    const cutter = new Cutter({ oversizeBytes: config.mover.wholeBytes });
    const stream = await startCopyOut(
      connection,
      found.map(({ reader }) => reader),
    );
    for await (const chunk of stream) {
      clock?.gotBytes({ isFirst: !hasBegun });
      if (!hasBegun) {
        hasBegun = true;
        clearTimeout(patience);
        patience = patienceOf(TIMING.reading.copyMs);
      }
      breakOffWherePaused(found);
      await Promise.race([assembler.add(cutter.push(chunk as Buffer), cutter.neededBytes), stalled]);
      if (assembler.rows > 0) breakOffWhereFull(found, context);
      patience.refresh();
      await failPoint('copy-out:middle');
      clock?.awaitsBytes();
    }
    if (!cutter.hasEnded)
      throw new TributaryError('The COPY ended early.', { code: 'copy-cut', kind: 'retryable' });
    assembler.finish();
    await failPoint('copy-out:after');
    await endCopyOut(connection);
    return { rows: assembler.rows, settled: assembler.settled };
  } catch (failure) {
    // After we broke the COPY off the shard still sends: the connection cannot be used for anything else.
    if (sqlstateOf(failure) === undefined) connection.destroy(failure instanceof Error ? failure : undefined);
    assembler.abandon();
    return { rows: assembler.rows, settled: assembler.settled, failure };
  } finally {
    clearTimeout(patience);
    clock?.gotBytes();
  }
}

/** A source was paused while it is read. */
const PAUSED = 'paused';
/** A central queue has no room for more of the shard. */
const NO_ROOM = 'no-room';

/** Whether reading ended because the source was paused, or has to wait for room, which is no failure. */
export const isPausing = (error: unknown): boolean =>
  error instanceof TributaryError && (error.code === PAUSED || error.code === NO_ROOM);

/** The rest of a window that goes in parts is read from where it was broken off; where several are read, they are small. */
function breakOffWhereFull([first, ...others]: readonly Found[], context: MoverContext): void {
  if (first === undefined || others.length > 0) return;
  const { source } = first;
  if (context.gathererOf(source).takes(source)) return;
  throw new TributaryError(`Source ${source.shard}:${source.queue} waits for room in its central queue.`, {
    code: NO_ROOM,
    kind: 'retryable',
  });
}

/** An operator's pause does not wait for a large window's end. */
function breakOffWherePaused(found: readonly Found[]): void {
  const paused = found.find(({ source }) => source.isPaused)?.source;
  if (paused === undefined) return;
  throw new TributaryError(`Source ${paused.shard}:${paused.queue} was paused.`, {
    code: PAUSED,
    kind: 'retryable',
  });
}
