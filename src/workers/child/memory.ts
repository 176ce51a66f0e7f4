// What a worker remembers from batch to batch.
import { CallRecorder } from '../call-record.ts';
import { Carried } from './free/carried.ts';
import { FailureRate } from './groups/failure-rate.ts';
import { Losses } from './narrowing/losses.ts';
import { EventSize } from './reading/batch-reader.ts';
import { DeferredConstraints } from './transaction/deferred-constraints.ts';
import { TrackRecord } from './tries/track-record.ts';

export const newMemory = () => ({
  /** How large events are. */
  size: new EventSize(),
  /** How often they fail. */
  failureRate: new FailureRate(),
  /** What came of those that were tried. */
  record: new TrackRecord(),
  constraints: new DeferredConstraints(),
  /** Where the connection was lost. */
  losses: new Losses(),
  /** What free handlers did and could not be written. */
  carried: new Carried(),
  /** What the primary finds where this process dies; undefined: nobody looks. */
  recorder: CallRecorder.inherited(),
});
