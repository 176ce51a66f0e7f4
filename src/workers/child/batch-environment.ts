// What handling a batch needs besides its connection, and its result.
import type { Logger } from 'pino';
import type { Queue } from '../../config/config.ts';
import type { Handler } from '../../handler/contract.ts';
import type { EventSource } from '../../handler/event.ts';
import type { CoopMember } from '../../queue/coop.ts';
import type { CallRecorder } from '../call-record.ts';
import type { FatalCall } from '../protocol.ts';
import type { ProgressReports } from './call/progress-reports.ts';
import type { Carried } from './free/carried.ts';
import type { FailureRate } from './groups/failure-rate.ts';
import type { LifeSigns } from './life-signs.ts';
import type { Losses } from './narrowing/losses.ts';
import type { RateLimit } from './rate-limit.ts';
import type { EventSize, FirstRead } from './reading/batch-reader.ts';
import type { Tally } from './tally.ts';
import type { DeferredConstraints } from './transaction/deferred-constraints.ts';
import type { CentralQueues } from './transaction/outbox.ts';
import type { TrackRecord } from './tries/track-record.ts';

export interface BatchEnvironment {
  readonly membership: CoopMember;
  /** What it is for, `orders` or `orders/billing`. */
  readonly work: string;
  /** Name of this machine, for people. */
  readonly host?: string | undefined;
  readonly source: EventSource;
  readonly handler: Handler;
  readonly log: Logger;
  readonly timeoutMs: number;
  readonly retry: Queue['retry'];
  /** The worker takes no further batch. */
  readonly draining: AbortSignal;
  readonly stopNow: AbortSignal;
  readonly size: EventSize;
  /** What came with the message that opened the batch; then its transaction is open. */
  readonly first?: FirstRead | undefined;
  readonly failureRate: FailureRate;
  /** The results of events that were tried; kept from batch to batch. */
  readonly record: TrackRecord;
  readonly tally: Tally;
  /** Constraints of this database that are deferred to the commit. */
  readonly constraints: DeferredConstraints;
  /** Kept from batch to batch. */
  readonly losses: Losses;
  /** The same for free handlers. */
  readonly carried: Carried;
  /** Notes each call where it outlives this process. */
  readonly recorder: CallRecorder | undefined;
  /** The call that the worker before this one died in. */
  readonly suspect: FatalCall | undefined;
  readonly centralQueues: CentralQueues;
  /** What handlers say while they run. */
  readonly reports: ProgressReports;
  /** What the handler returns is published, and why an event died. */
  readonly hasResults: boolean;
  /** Events of one key of a lane that a free handler may have at work. */
  readonly keysAtOnce?: number;
  /** Grants events before they start; undefined: any number may start. */
  readonly rate: RateLimit | undefined;
  cancelStatement(): Promise<void>;
  /** Events that were sent into a queue by transaction `xid` have been committed: a tick has to cover it. */
  onSent(queue: string, xid: number): void;
  /** Ticks what was sent, between transactions. */
  tickSent(): Promise<void>;
  /** Called when a part of a batch has been committed. */
  onAdvanced(): void;
  /** Shows the primary that there is progress. */
  readonly signs: LifeSigns;
}

export interface BatchResult {
  readonly events: number;
  readonly putOff: number;
  readonly dead: number;
  /** Something of the handler may still run in this process, which should be replaced. */
  readonly hasOverrun: boolean;
}
