// The facts that `doctor` judges by beyond a report of lag: of a server's sessions, of what queues hold, of our processes.

import type { CapturedTable } from '../../install/capture/judge.ts';
import type { ScheduleStanding } from '../../schedules/standing.ts';
import type { RotationFacts } from '../../shards/held.ts';
import type { StoredShardReport } from '../../shards/reports.ts';

/** A session inside a transaction. */
export interface SessionFacts {
  readonly pid: number;
  readonly user: string | null;
  readonly application: string | null;
  readonly client: string | null;
  readonly database: string | null;
  readonly state: string | null;
  /** It has a transaction id: it is in the snapshots of the whole server. */
  readonly writes: boolean;
  readonly ageSeconds: number;
  /** Since its last statement began. */
  readonly queryAgeSeconds: number | null;
  readonly query: string | null;
}

/** A session that keeps others from writing to a table of PgQ or of ours. */
export interface LockerFacts extends SessionFacts {
  readonly relation: string;
}

export interface PreparedFacts {
  readonly gid: string;
  readonly owner: string;
  readonly database: string;
  readonly ageSeconds: number;
}

export interface SlotFacts {
  readonly name: string;
  readonly type: string;
  readonly isActive: boolean;
  readonly database: string | null;
  /** How many transactions old what it holds back is; null: it holds no rows. */
  readonly transactions: number | null;
  readonly walBytes: number | null;
}

export interface StandbyFacts {
  readonly application: string;
  readonly client: string | null;
  readonly transactions: number;
}

/** One of our sessions that waits for a lock. */
export interface BlockedFacts {
  readonly pid: number;
  readonly application: string;
  readonly database: string | null;
  readonly ageSeconds: number;
  readonly by: SessionFacts | null;
}

export interface SessionsFacts {
  /** How far its clock is ahead of ours. */
  readonly clockAheadMs: number;
  /** The true difference is at most this far from it. */
  readonly clockWithinMs: number;
  readonly seesAll: boolean;
  /** The server's own name of the database that was asked. */
  readonly database: string;
  readonly role: string;
  /** Where its data lies on this machine; undefined: elsewhere, or not known. */
  readonly directory: string | undefined;
  readonly used: number;
  /** Connections that roles like ours may have in all. */
  readonly usable: number;
  readonly holders: readonly SessionFacts[];
  readonly prepared: readonly PreparedFacts[];
  readonly slots: readonly SlotFacts[];
  readonly standbys: readonly StandbyFacts[];
  readonly blocked: readonly BlockedFacts[];
  readonly lockers: readonly LockerFacts[];
  /** Databases of the server in which there may be any. */
  readonly lockedIn: readonly string[];
}

/** What a database said. */
export interface DatabaseHealth {
  /** `central`, or the shard's name. */
  readonly name: string;
  /** `host:port`, as the file has it. */
  readonly server: string;
  /** The same for all databases of one server, by whatever names they are reached. */
  readonly identity: string;
  readonly sessions: SessionsFacts;
  /** Empty where that could not be read. */
  readonly rotation: readonly RotationFacts[];
  /** Of a shard: tables that the file captures. */
  readonly captured?: readonly CapturedTable[];
}

/** One of our running processes. */
export interface RunningMember {
  readonly host: string;
  readonly kind: 'mover' | 'work';
  readonly version: string | undefined;
  /** Undefined: it does not say. */
  readonly memory:
    | { readonly used: number; readonly limit: number; readonly waitingSeconds: number }
    | undefined;
  /** By central queue: median of the last minute's commits in ms, and how many there were. */
  readonly commits: Readonly<Record<string, { readonly ms: number; readonly count: number }>>;
  /** Its wall clock against central's, and how far at most the true difference is from that; undefined: not known. */
  readonly clock?: { readonly ahead_ms: number; readonly within_ms: number } | undefined;
}

/** Events that died lately, of one central queue. */
export interface RecentDead {
  readonly queue: string;
  /** Counted up to a limit. */
  readonly events: number;
  readonly error: string;
  readonly origin: string | undefined;
}

/** A table of a shard that is being copied to central, or repaired there. */
export interface CopyStanding {
  readonly queue: string;
  readonly shard: string;
  /** `schema.name` on the shard, and on central. */
  readonly source: string;
  readonly applied: string;
  readonly state: 'copying' | 'repairing';
  readonly rows: number;
  /** Since it was begun, or since the last piece. */
  readonly seconds: number;
  /** By central's clock. */
  readonly nowMs: number;
  /** A sentence. */
  readonly trouble: string | undefined;
  /** A command copies or compares now, and the session that it waits for. */
  readonly isAtWork: boolean;
  readonly waitsFor: string | undefined;
}

/** What central knows beyond a report of lag. */
export interface CentralHealth {
  readonly database: DatabaseHealth;
  readonly members: readonly RunningMember[];
  readonly dead: readonly RecentDead[];
  readonly schedules: readonly ScheduleStanding[];
  readonly copies: readonly CopyStanding[];
  /** What movers saw of their shards, by shard, however long ago. */
  readonly reports: ReadonlyMap<string, StoredShardReport>;
}
