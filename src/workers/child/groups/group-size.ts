// How many events share one savepoint, and when a transaction has to end before its batch does. Pure.
//
// A failure repeats what its group has written so far, a savepoint costs a message, and a transaction has 50 of them. While
// nothing fails, groups are as large as the rest of the batch demands, so that a batch is one transaction. Where
// failures would make this repeat too much, groups are as large as the failures suggest, and the batch is cut.
import { MOST_SAVEPOINTS } from '../transaction/batch-transaction.ts';

/** From this many savepoints on a cut is made at the next place that parts no window. */
const SAVEPOINTS_BEFORE_CUT = 40;
/** With this many a cut is made in any case: a group that fails needs two more. */
const SAVEPOINTS_OF_LAST_GROUP = MOST_SAVEPOINTS - 2;
/** The cost of a group, in calls of a handler that writes: its savepoint, its share of a commit. */
const GROUP_COST = 0.65;
/** The cost of a call of a `batch` handler, in events. */
const CALL_COST = 60;
/** Share of calls that may be repeated so that a batch stays whole. */
const REPEATS_FOR_WHOLE = 0.1;
/** What a rate of 0 is taken for: the first failure is yet to come. */
const LEAST_RATE = 0.0002;

export interface TransactionProgress {
  /** Savepoints of the transaction. */
  readonly savepoints: number;
  /** An event of the transaction has failed. */
  readonly hasFailed: boolean;
  /** Events of the batch still to come, as far as is known. */
  readonly remaining: number;
  /** Share of events that fail. */
  readonly rate: number;
  /** The rate is more than a guess. */
  readonly isSure: boolean;
}

/** Where a larger share fails, each event is alone: most of a group would be repeated. */
const HOPELESS = 1 / 3;

/** Events in the next group of an `event` handler. */
export function groupSize({ savepoints, remaining, rate, isSure }: TransactionProgress): number {
  if (isSure && rate > HOPELESS) return 1;
  const best = Math.max(1, Math.round(Math.sqrt((2 * GROUP_COST) / Math.max(rate, LEAST_RATE))));
  const left = SAVEPOINTS_BEFORE_CUT - savepoints - (isSure ? rate * remaining : 0);
  const whole = Math.max(best, Math.ceil(remaining / Math.max(1, left)));
  if (!isSure) return whole;
  return left > 0 && (rate * whole) / 2 <= REPEATS_FOR_WHOLE ? whole : best;
}

/** Events in the next call of a `batch` handler. */
export function callSize({ remaining, rate }: Pick<TransactionProgress, 'remaining' | 'rate'>): number {
  if (rate === 0) return remaining;
  return rate > HOPELESS ? 1 : Math.max(1, Math.round(Math.sqrt(CALL_COST / (2 * rate))));
}

/** Whether a transaction ends here and another one goes on with the batch: only where events of it have failed. */
export function mustCut(
  { savepoints, hasFailed }: Pick<TransactionProgress, 'savepoints' | 'hasFailed'>,
  partsNothing: () => boolean,
): boolean {
  if (!hasFailed || savepoints < SAVEPOINTS_BEFORE_CUT) return false;
  return savepoints >= SAVEPOINTS_OF_LAST_GROUP || partsNothing();
}
