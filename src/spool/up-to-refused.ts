// A delivery of which the shard may refuse a record, for its queue or for its data: what is in front of that record goes, and the
// record waits alone, or is set aside where an operator has said so.
//
// Order: all records, then half of them, down to the one that is refused alone; behind it twice as many each time.
import { sentenceFor } from '../errors/sentence.ts';
import { kindOf, sqlstateOf } from '../errors/sqlstate.ts';
import { backoffMs } from '../lifecycle/backoff.ts';
import { TIMING } from '../lifecycle/timing.ts';
import type { Connection } from '../postgres/connection.ts';
import { type Delivery, deliver } from './place.ts';
import type { SpoolRecord } from './record.ts';
import { setAside } from './refused.ts';

/** How the next delivery of a writer is tried. */
export interface Tries {
  /** At most so many records. */
  most: number;
  /** Of the record that is in front, alone. */
  failures: number;
  restsUntilMs: number;
  /** Why it waits. */
  refusal?: unknown;
}

/** A writer whose next record the shard refuses. */
export interface WaitingWriter extends Pick<SpoolRecord, 'seq' | 'queue'> {
  readonly writer: string;
}

export interface RefusalRules {
  readonly folder: string;
  readonly tries: Tries;
  /** Queues. */
  readonly setAside: readonly string[];
  readonly shardName: string;
  onAside(sentence: string): void;
  onWaiting(error: unknown, waiting: WaitingWriter): void;
}

export const newTries = (): Tries => ({
  most: Number.POSITIVE_INFINITY,
  failures: 0,
  restsUntilMs: 0,
});

/**
 * @returns `moved`: the place is another one, and nothing was done; `fewer`: nothing was done, and fewer are to be tried at once;
 * `waiting`: the one record was refused, and is tried again later.
 * @throws what is no refusal.
 */
export async function deliverUpToRefused(
  connection: Connection,
  delivery: Delivery,
  { folder, tries, shardName, ...rules }: RefusalRules,
): Promise<'delivered' | 'aside' | 'moved' | 'fewer' | 'waiting'> {
  const { records, writer } = delivery;
  try {
    if (!(await deliver(connection, delivery))) return 'moved';
    Object.assign(tries, { ...newTries(), most: tries.most * 2, refusal: undefined });
    return 'delivered';
  } catch (error) {
    if (connection.failed || !isRefusal(error)) throw error;
    const [record] = records;
    if (record === undefined || records.length > 1) {
      tries.most = Math.floor(records.length / 2);
      return 'fewer';
    }
    const { seq, queue } = record;
    if (rules.setAside.includes(queue)) {
      const path = setAside(folder, writer, record);
      if (!(await deliver(connection, { ...delivery, isAside: true }))) return 'moved';
      Object.assign(tries, { ...newTries(), most: 1, refusal: undefined });
      rules.onAside(
        `Record ${seq} of writer ${writer} was set aside in ${path}. ${sentenceFor(error, shardName)}`,
      );
      return 'aside';
    }
    tries.most = 1;
    tries.failures += 1;
    tries.restsUntilMs = performance.now() + backoffMs(tries.failures, TIMING.spool.trouble);
    tries.refusal = error;
    rules.onWaiting(error, { writer, seq, queue });
    return 'waiting';
  }
}

/** Said of a queue or of data: the same record is refused at the next try as well. The others need not wait for it. */
const isRefusal = (error: unknown): boolean =>
  kindOf(error) === 'misconfigured' || (sqlstateOf(error) !== undefined && kindOf(error) === 'halting');
