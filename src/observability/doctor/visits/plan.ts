// Which shards `doctor` has to ask itself, by what movers saw of them lately; and what is known of the others. Pure.
//
// Invariant: a shard is left out only where a mover has just looked at all its queues, and at all tables that
// our file captures, and found nothing. What was found is asked
// anew, so that nothing is named that is over.

import type { Shard } from '../../../config/config.ts';
import { TIMING } from '../../../lifecycle/timing.ts';
import type { StoredShardReport } from '../../../shards/reports.ts';
import type { DatabaseHealth, SessionsFacts } from '../facts.ts';

export interface ReportedShard {
  readonly shard: Shard;
  readonly report: StoredShardReport;
}

export interface Visits {
  readonly toAsk: readonly Shard[];
  /** All others, by server and by who we are there: of each server one is asked for its sessions. */
  readonly servers: readonly (readonly ReportedShard[])[];
}

interface Known {
  readonly reports: ReadonlyMap<string, StoredShardReport>;
  /** All queues that a shard should have. */
  readonly queues: readonly string[];
  /** Captures by which all tables should be captured; undefined: there are none. */
  readonly captured: string | undefined;
}

export function planVisits(shards: readonly Shard[], known: Known): Visits {
  const toAsk: Shard[] = [];
  const servers = new Map<string, ReportedShard[]>();
  for (const shard of shards) {
    const report = known.reports.get(shard.name);
    if (report === undefined || !isFresh(report) || !isWell(report, known)) {
      toAsk.push(shard);
      continue;
    }
    const key = `${report.server} ${shard.user}`;
    servers.set(key, [...(servers.get(key) ?? []), { shard, report }]);
  }
  return { toAsk, servers: [...servers.values()] };
}

export const isFresh = ({ ageSeconds }: StoredShardReport): boolean =>
  ageSeconds >= 0 && ageSeconds <= TIMING.doctor.seenSeconds;

const isWell = (report: StoredShardReport, { queues, captured }: Known): boolean =>
  report.held.length === 0 &&
  queues.every((queue) => report.queues.includes(queue)) &&
  (captured === undefined || report.captured === captured);

/** Of a shard that was not asked: its server as another of its databases said, its queues as the mover saw them. */
export const reportedHealth = (
  { shard: { name, host, port }, report }: ReportedShard,
  { identity, sessions }: Pick<DatabaseHealth, 'identity' | 'sessions'>,
): DatabaseHealth => ({
  ...{ name, identity },
  server: `${host}:${port}`,
  // Locks are those of the database that was asked.
  sessions: { ...sessions, database: report.database, lockers: [] },
  rotation: report.held,
});

/** Where no server was asked. */
const NO_SESSIONS: SessionsFacts = {
  ...{ clockAheadMs: 0, clockWithinMs: 0, seesAll: true, database: '', role: '', directory: undefined },
  ...{ used: 0, usable: 0, holders: [], prepared: [], slots: [], standbys: [], blocked: [], lockers: [] },
  lockedIn: [],
};

/** Shards with queues that should have rotated, by what movers saw lately alone. */
export const heldByReports = (
  shards: readonly Shard[],
  reports: ReadonlyMap<string, StoredShardReport>,
): DatabaseHealth[] =>
  shards.flatMap((shard) => {
    const report = reports.get(shard.name);
    return report === undefined || report.held.length === 0 || !isFresh(report)
      ? []
      : [reportedHealth({ shard, report }, { identity: report.server, sessions: NO_SESSIONS })];
  });
