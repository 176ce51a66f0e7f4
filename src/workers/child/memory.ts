// What a worker remembers from batch to batch.
import { Connection } from '../../postgres/connection.ts';
import { CallRecorder } from '../call-record.ts';
import type { StartMessage } from '../protocol.ts';
import { ProgressReports } from './call/progress-reports.ts';
import { Carried } from './free/carried.ts';
import { FailureRate } from './groups/failure-rate.ts';
import { Losses } from './narrowing/losses.ts';
import { EventSize } from './reading/batch-reader.ts';
import { Tally } from './tally.ts';
import { DeferredConstraints } from './transaction/deferred-constraints.ts';
import { TrackRecord } from './tries/track-record.ts';

export const newMemory = ({ central, slot }: StartMessage) => ({
  /** How large events are. */
  size: new EventSize(),
  /** How often events fail. */
  failureRate: new FailureRate(),
  /** The results of events that were tried. */
  record: new TrackRecord(),
  /** What is counted of them for those who watch. */
  tally: new Tally(),
  constraints: new DeferredConstraints(),
  /** Where the connection was lost. */
  losses: new Losses(),
  /** Results of free handlers that could not be written. */
  carried: new Carried(),
  /** Notes calls for the primary, for the case that this process dies; undefined: the primary does not look. */
  recorder: CallRecorder.inherited(),
  /** What handlers say while they run. */
  reports: new ProgressReports(() =>
    Connection.open(central, { applicationName: `tributary ${slot} progress` }),
  ),
});
