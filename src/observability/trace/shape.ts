// What `trace` tells of an event, as values that are JSON as they are: keys are only ever added. Times are ISO 8601.

/**
 * `delayed`: it waits for its time; `cancelled`: somebody took it out before. `waiting`: on its shard, or in a central queue; `working`: a worker has it; `retrying`: it failed and is tried again;
 * `passed`: it is behind the workers, and what was done with it is not kept any more; `left-out`: it never came to central, and
 * never will; `unknown`: there is no such event, as far back as can be seen.
 */
export type TraceState =
  | 'waiting'
  | 'delayed'
  | 'cancelled'
  | 'working'
  | 'retrying'
  | 'handled'
  | 'dead'
  | 'forwarded'
  | 'passed'
  | 'left-out'
  | 'unknown';

export interface Trace {
  /** As far as it is known: `shard:queue:id`, with the steps of one that was sent on. */
  readonly origin: string | null;
  readonly state: TraceState;
  /** What became of it, or exactly where it waits and why; of each group, where its queue has several. */
  readonly summary: string;
  /** The same for each of them; absent: the queue has one, without a name. */
  readonly groups?: readonly TracedGroup[];
  readonly shard: TracedOnShard | null;
  readonly move: TracedMove | null;
  readonly central: TracedOnCentral | null;
  /** One after the other, the last one last. */
  readonly tries: readonly TracedTry[];
  /** Of several groups: of the one in which it is worst; `groups` has those of each. */
  readonly retry: TracedRetry | null;
  readonly dead: TracedDeath | null;
  /** What handlers sent on for it. */
  readonly sent: readonly SentOn[];
  /** The same event in other central queues, where its source has routes that copy it into all that match. */
  readonly copies?: readonly TracedCopy[];
  /** Only where it was asked for; redacted as the file says. */
  readonly payload: TracedPayload | null;
  /** What cannot be seen, and why. */
  readonly notes: readonly string[];
}

/** What became of an event in one of the groups of its queue. */
export interface TracedGroup {
  readonly group: string;
  readonly state: TraceState;
  readonly summary: string;
  readonly retry: TracedRetry | null;
  readonly dead: TracedDeath | null;
}

/** It waits for another try. */
export interface TracedRetry {
  readonly attempts: number;
  readonly error: string | null;
  readonly nextAt: string;
}

export interface TracedCopy {
  readonly queue: string | null;
  readonly id: number | null;
  readonly state: TraceState;
  readonly summary: string;
}

/** A tick and when it was made. */
export interface TracedTick {
  readonly id: number;
  readonly at: string;
}

/** An event in a queue of PgQ. */
interface TracedInQueue {
  readonly queue: string;
  readonly id: number;
  readonly type: string | null;
  /** When the transaction that inserted it began. */
  readonly time: string;
  readonly transaction: string;
  /** It was committed between these two; `seenBy` is null while no tick has seen it. */
  readonly notSeenBy: TracedTick | null;
  readonly seenBy: TracedTick | null;
}

export interface TracedOnShard extends TracedInQueue {
  readonly shard: string;
}

export interface TracedOnCentral extends TracedInQueue {
  readonly retry: number;
}

export interface TracedMove {
  readonly at: string;
  /** Of central; null: from before this was noted. */
  readonly transaction: string | null;
  /** Host of the mover; null: a command did it, or a mover of an older version. */
  readonly mover: string | null;
  /** Number of the source's position. */
  readonly n: number;
}

export interface TracedTry {
  /** Whose try it was; absent: the queue has one group, without a name. */
  readonly group?: string;
  readonly became: 'done' | 'put-off' | 'dead';
  readonly at: string;
  readonly worker: string;
  readonly host: string | null;
  readonly pid: number;
  readonly batch: {
    readonly token: string;
    readonly startTick: number;
    readonly endTick: number;
    /** How many times the batch was handed out by then. */
    readonly openings: number;
  };
  /** Of the transaction that the event was settled in. */
  readonly events: number;
  /** Calls of the handler for these events: how many, together, the longest. */
  readonly calls: number;
  readonly handlerMs: number;
  readonly longestMs: number;
  readonly transaction: string;
  /** Tries that count by then; null: not noted. */
  readonly attempts: number | null;
  readonly error: string | null;
  readonly afterMs: number | null;
}

export interface TracedDeath {
  readonly id: number;
  readonly kind: string;
  readonly attempts: number;
  readonly error: string;
  readonly diedAt: string;
  /** When it was handed out again; null: it is dead. */
  readonly redrivenAt: string | null;
}

export interface SentOn {
  readonly queue: string;
  readonly id: number;
  readonly type: string | null;
  readonly origin: string;
  readonly state: TraceState;
  readonly summary: string;
  readonly sent: readonly SentOn[];
}

export interface TracedPayload {
  readonly data: string | null;
  readonly extra1: string | null;
  readonly extra2: string | null;
  readonly extra3: string | null;
  readonly extra4: string | null;
}
