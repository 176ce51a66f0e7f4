// What the server says to the page, as JSON: `layout` when a browser comes and when the file changes, `state` once a second.
import type { SeenDeadRun } from '../../central/logbook/dead-run.ts';
import type { Diagnosis } from '../../observability/doctor/diagnosis.ts';
import type { LagState } from '../../observability/lag/report.ts';

export interface Layout {
  /** Of this installation. */
  readonly name: string;
  readonly version: string;
  /** Hash of the file that the serving host runs with. */
  readonly fileHash: string;
  /** Whether the page may change anything. */
  readonly actions: boolean;
  /** Rows of the heat maps, and in them the cells in this order: the same for every central queue. */
  readonly hosts: readonly { readonly name: string; readonly shards: readonly string[] }[];
  readonly queues: readonly {
    readonly name: string;
    /** Empty: no sources of its own; a group of a queue has none. */
    readonly from: readonly string[];
    readonly isWorked: boolean;
    /** Of a group: its queue. */
    readonly groupOf?: string;
  }[];
}

/**
 * One shard in the map of one central queue, the worst of its sources: age of the oldest unmoved event in seconds, and seconds since
 * its figures were seen; null: not known. Which of the queue's `from` it is; absent: the first.
 */
export type MapCell = readonly [state: LagState, age: number | null, seen: number | null, from?: number];

export interface DashboardState {
  /** By central's clock, ISO 8601; of the last answer where central is silent, null where it has not answered yet. */
  readonly at: string | null;
  /** A sentence where the figures are older than they should be. */
  readonly stale: string | null;
  readonly headline: string;
  /** The worst first. */
  readonly diagnoses: readonly Diagnosis[];
  readonly queues: readonly QueueState[];
  /** By central queue; cells in the order of the layout's hosts and their shards. */
  readonly cells: Readonly<Record<string, readonly MapCell[]>>;
  readonly members: readonly MemberState[];
  /** Retries of dead events that go on, begun from a page or by a command, on whatever host. */
  readonly retries: readonly SeenDeadRun[];
}

/** One that puts events into a central queue. Times ISO 8601. */
export interface ScheduleState {
  readonly name: string;
  readonly cron: string;
  readonly zone: string;
  /** Null: there is none. */
  readonly next: string | null;
  /** The newest time whose event went in; null: none did yet. */
  readonly last: string | null;
  readonly sent: number;
  /** Who paused it; null: nobody. */
  readonly pausedBy: string | null;
}

/** Rates are events a second, ages and times seconds; null: not known. */
export interface QueueState {
  readonly name: string;
  readonly inRate: number | null;
  readonly outRate: number | null;
  readonly waiting: number | null;
  readonly age: number | null;
  readonly drainedIn: number | null;
  readonly workersUp: number;
  /** Null: forward only, or its groups have them. */
  readonly workersWanted: number | null;
  readonly workersBusy: number | null;
  readonly retrying: number;
  readonly dead: number;
  /** Events that wait for their time, and when the next one is due, ISO 8601; null: none is. */
  readonly delayed: number;
  readonly nextDelayed: string | null;
  /** 0: any worker gets any event. */
  readonly lanes: number;
  /** Keys of its lanes that wait because an event failed, and seconds that the oldest has; null: none does. */
  readonly pausedKeys: number;
  readonly pausedFor: number | null;
  /** Those of the file. */
  readonly schedules: readonly ScheduleState[];
  /** What keeps its workers from working. */
  readonly reason: string | null;
}

export interface MemberState {
  readonly id: string;
  readonly kind: 'mover' | 'work';
  readonly host: string;
  readonly pid: number | null;
  readonly version: string | null;
  readonly fileHash: string | null;
  /** ISO 8601. */
  readonly startedAt: string;
  /** Seconds since its last beat. */
  readonly silent: number;
  /** Resources that it holds, such as `shard:app_017`. */
  readonly leases: readonly string[];
}

/** One central queue over time, columns of equal length; null: not measured. */
export interface QueueHistory {
  /** Unix seconds, rising. */
  readonly at: readonly number[];
  readonly inRate: readonly (number | null)[];
  readonly outRate: readonly (number | null)[];
  readonly waiting: readonly (number | null)[];
  readonly age: readonly (number | null)[];
  readonly marks: readonly { readonly at: number; readonly kind: MarkKind; readonly text: string }[];
}

export type MarkKind = 'deploy' | 'scale' | 'pause' | 'resume' | 'take-over' | 'halt' | 'reload';

export interface SourceDetail {
  readonly shard: string;
  readonly queue: string;
  /** All that it leads to. */
  readonly centralQueues: readonly string[];
  /** Who handles its events: those queues or their groups; empty: nobody of ours. */
  readonly handledBy: readonly {
    readonly name: string;
    /** Of all events that it handled in the last minute, half reached their handler within so many seconds; null: there were none. */
    readonly delivered: number | null;
  }[];
  readonly state: LagState;
  readonly reason: string | null;
  readonly age: number | null;
  readonly unmoved: number | null;
  readonly moved: number;
  readonly mover: string | null;
  readonly provider: string | null;
  readonly positions: readonly {
    /** When the commit was made. */
    readonly at: string;
    /** The window: from this tick, null: not known, up to that one; or a part of it. */
    readonly fromTick: number | null;
    readonly tick: number;
    readonly isPart: boolean;
    readonly tickAt: string;
    /** Null: not known. */
    readonly events: number | null;
    /** Host; null: a command made the commit. */
    readonly mover: string | null;
    /** When the last batch that has these events was handled to its end; null: not yet, or it is not known. */
    readonly handledAt: string | null;
  }[];
  /** The newest first; `until` null: it holds the shard now. */
  readonly holders: readonly {
    readonly host: string | null;
    readonly pid: number | null;
    readonly since: string;
    readonly until: string | null;
    /** False: it was silent, and last seen then. */
    readonly wasLetGo: boolean;
  }[];
}

/** What a source's queue holds on its shard, and what holds it there: asked when somebody looks. */
export interface SourceOnShard {
  /** Why the shard could not be asked from here; then nothing else is known. */
  readonly reason: string | null;
  readonly bytes: number | null;
  readonly bytesAnHour: number | null;
  /** Seconds since the last rotation, and how far they are apart at least. */
  readonly rotatedAgo: number | null;
  readonly rotatesEvery: number | null;
  /** The consumer furthest behind, in seconds: tables it has not read are kept. */
  readonly consumer: string | null;
  readonly consumerAge: number | null;
  /** That consumer is the watermark of this installation. */
  readonly isOurs: boolean;
  /** Tables of the shard whose changes become events of the queue, or should; with what is not right. */
  readonly captured: readonly {
    readonly capture: string;
    readonly table: string;
    readonly state: string;
    readonly why: readonly string[];
  }[];
  /** What `doctor` says of the shard. */
  readonly diagnoses: readonly Diagnosis[];
}

export interface QueueDetail {
  readonly name: string;
  readonly workers: readonly {
    readonly slot: string;
    readonly host: string;
    readonly pid: number | null;
    readonly batch: {
      readonly done: number;
      readonly events: number | null;
      readonly seconds: number;
    } | null;
    readonly memoryBytes: number | null;
    readonly ageSeconds: number | null;
    readonly restarts: number | null;
  }[];
}

/** Dead events that are alike. */
export interface DeadAlike {
  readonly queue: string;
  readonly kind: string;
  readonly error: string;
  readonly count: number;
  readonly oldestAt: string;
  readonly newestAt: string;
  readonly sampleId: number;
}

/** What an operator did, from the command line or the page. */
export interface OperatorAction {
  readonly at: string;
  readonly who: string;
  readonly from: 'cli' | 'page';
  readonly what: string;
}
