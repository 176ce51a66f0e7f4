// Reads some windows of one shard in one COPY and hands them to the gatherers.
//
// Fails by: what was complete before a failure is under way all the same; its end comes with the error as `settled`.
import type { DeadRow } from '../../central/commit/commit.ts';
import { sqlstateOf } from '../../errors/sqlstate.ts';
import { TributaryError } from '../../errors/tributary-error.ts';
import { failPoint } from '../../lifecycle/fail-point.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import type { Connection } from '../../postgres/connection.ts';
import { endCopyOut, type Reader, startCopyOut } from '../../shards/copy-out.ts';
import type { MoverContext } from '../context.ts';
import type { Source } from '../source/source.ts';
import { Assembler } from './assembler.ts';
import { Cutter } from './cutter.ts';

/** A window that a round found, and whose it is. */
export interface Found {
  readonly source: Source;
  readonly reader: Reader;
  /** Events of the window that are not read, and are kept as dead events by the commit that moves over them. */
  readonly dead?: readonly DeadRow[];
}

export interface Copied {
  readonly rows: number;
  /** The end of what was handed to central: undefined or the error of each parcel. */
  readonly settled: Promise<unknown[]>;
}

/** Puts these windows together and hands them to the gatherers. */
export function assemblerOf(found: readonly Found[], context: MoverContext): Assembler {
  const { budget, config, onOccurrence } = context;
  return new Assembler(found, {
    budget,
    wholeBytes: config.mover.wholeBytes,
    wholeEvents: config.mover.wholeEvents,
    emit: (parcel) => context.gathererOf(parcel.source.centralQueue).add(parcel),
    onCut: ({ shard, queue }, cut) => onOccurrence({ kind: 'window-cut', shard, queue, ...cut }),
    onOriginTaken: ({ shard, queue }, rows) => onOccurrence({ kind: 'origin-taken', shard, queue, rows }),
  });
}

export interface CopyOptions {
  readonly context: MoverContext;
  /** Who is read, for errors: `Shard app_017`. */
  readonly label: string;
  /** How long the shard may take until its first byte: it sorts the whole window before it sends any of it. */
  readonly firstByteMs?: number;
}

export async function copyWindows(
  connection: Connection,
  found: readonly Found[],
  { context, label, firstByteMs = TIMING.reading.copyMs }: CopyOptions,
): Promise<Copied> {
  const { config } = context;
  const assembler = assemblerOf(found, context);
  await failPoint('copy-out:before');
  let giveUp: (error: Error) => void = () => {};
  // Also while what was read waits for memory: those who hold it may wait for this one.
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
      // How many events a window holds is seen only by reading it: of a transaction that was open for long, no tick tells.
      if (!hasBegun) for (const { source } of found) source.isSlow = true;
    }, ms);
  let hasBegun = false;
  let patience = patienceOf(firstByteMs);
  try {
    const cutter = new Cutter({ oversizeBytes: config.mover.wholeBytes });
    const stream = await startCopyOut(
      connection,
      found.map(({ reader }) => reader),
    );
    for await (const chunk of stream) {
      if (!hasBegun) {
        hasBegun = true;
        clearTimeout(patience);
        patience = patienceOf(TIMING.reading.copyMs);
      }
      breakOffWherePaused(found);
      await Promise.race([assembler.add(cutter.push(chunk as Buffer), cutter.neededBytes), stalled]);
      patience.refresh();
      await failPoint('copy-out:middle');
    }
    if (!cutter.hasEnded)
      throw new TributaryError('The COPY ended early.', { code: 'copy-cut', kind: 'retryable' });
    assembler.finish();
    await failPoint('copy-out:after');
    await endCopyOut(connection);
    return { rows: assembler.rows, settled: assembler.settled };
  } catch (error) {
    // Broken off by us, it still sends: over this connection nothing else can be asked.
    if (sqlstateOf(error) === undefined) connection.destroy(error instanceof Error ? error : undefined);
    assembler.abandon();
    throw Object.assign(error as Error, { settled: assembler.settled, handedOn: assembler.rows });
  } finally {
    clearTimeout(patience);
  }
}

/** A source was paused while it is read. */
export const PAUSED = 'paused';

/** An operator's pause does not wait for a large window's end. */
function breakOffWherePaused(found: readonly Found[]): void {
  const paused = found.find(({ source }) => source.isPaused)?.source;
  if (paused === undefined) return;
  throw new TributaryError(`Source ${paused.shard}:${paused.queue} was paused.`, {
    code: PAUSED,
    kind: 'retryable',
  });
}
