// Asks for the next batch; where a small one is likely, together with its events.
import type { Handler } from '../../handler/contract.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import type { Connection } from '../../postgres/connection.ts';
import { type CoopBatch, type CoopMember, coopNextBatch } from '../../queue/coop.ts';
import type { newMemory } from './memory.ts';
import type { FirstRead } from './reading/batch-reader.ts';
import { OpenedOnly, openAndRead } from './reading/open-and-read.ts';

export interface NextBatch {
  readonly membership: CoopMember;
  readonly handler: Handler;
  readonly memory: Pick<ReturnType<typeof newMemory>, 'constraints' | 'record' | 'size'>;
  readonly timeoutMs: number;
  /** Events have to be granted before they start, while no transaction is open. */
  readonly hasRate: boolean;
  /** Joins ticks with fewer events until a batch has this many; never waits. */
  readonly minCount: number;
  /** A tick was just made. */
  readonly isLikely: boolean;
  /** A batch was opened, and the error that follows says why it could not be read. */
  onOpenedOnly(token: number): void;
}

export interface OpenedBatch {
  readonly batch: CoopBatch;
  readonly first?: FirstRead;
}

/** @returns undefined where there is none; with `first` the transaction of the batch is open. */
export async function nextBatch(
  connection: Connection,
  { membership, handler, memory, timeoutMs, hasRate, minCount, isLikely, onOpenedOnly }: NextBatch,
): Promise<OpenedBatch | undefined> {
  const { constraints, record, size } = memory;
  const isPlain = handler.transaction !== false && !hasRate && !record.breaker.isOpen;
  if (!isLikely || !isPlain || !size.areFewSmall) {
    const batch = await coopNextBatch(connection, { ...membership, knowsProgress: true, minCount });
    return batch && { batch };
  }
  await constraints.look(connection);
  try {
    const idleLimitMs = timeoutMs + TIMING.worker.idleSlackMs;
    return await openAndRead(connection, { ...membership, minCount, idleLimitMs });
  } catch (error) {
    if (!(error instanceof OpenedOnly)) throw error;
    onOpenedOnly(error.token);
    throw error.cause;
  }
}
