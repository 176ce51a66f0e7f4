// Queries of leases (tributary.lease_*): one call per function.

import { schemaVersion } from '../central/fit/schema-version.ts';
import { TIMING } from '../lifecycle/timing.ts';
import type { Connection } from '../postgres/connection.ts';
import type { Holding, Member } from './assignment.ts';
import type { Term } from './term.ts';

/** The schema of central that this program was made for. */
const SCHEMA = schemaVersion();

export type MemberKind = 'mover' | 'work';

/** The member that beats. */
export interface MemberFacts {
  /** Random, of this process. */
  readonly id: string;
  readonly kind: MemberKind;
  readonly host: string;
  readonly version?: string;
  /** Hash of the file that it runs with now, see Config.hash. */
  readonly fileHash?: () => string;
  /** Groups that it serves now; absent: all. */
  readonly serves?: () => readonly string[];
  /** Resources that it cannot work on now, see Member.putsOff. */
  readonly putsOff?: () => readonly string[];
}

export interface Beat {
  readonly ttlMs: number;
  /** Resources to take, the most wanted first. */
  readonly wanted: readonly string[];
  readonly maxNew: number;
  readonly release: readonly string[];
  /** For people and for other members: running workers and the like. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** The silent holder from which we took a term over. */
export interface Predecessor {
  readonly holder: string;
  readonly backendPid: number | undefined;
  /** As PostgreSQL writes it, to the microsecond. */
  readonly backendStart: string | undefined;
}

export interface HeldTerm extends Term {
  /** This beat began the term. */
  readonly isNew: boolean;
  readonly predecessor: Predecessor | undefined;
}

interface BeatRow {
  resource: string;
  epoch: number;
  taken: boolean;
  previous_backend_pid: number | null;
  previous_backend_start: string | null;
  previous_holder: string | null;
}

const BEAT = `select resource, epoch, taken, previous_backend_pid, previous_backend_start::text, previous_holder
from tributary.lease_beat($1, $2, $3, $4, $5 * interval '1 millisecond', $6, $7, $8)`;

/** @returns all that is held now. */
export async function leaseBeat(
  connection: Connection,
  member: MemberFacts,
  { beat, timeoutMs }: { readonly beat: Beat; readonly timeoutMs: number },
): Promise<HeldTerm[]> {
  const { id, kind, host, version, fileHash, serves, putsOff } = member;
  const details = {
    ...beat.details,
    pid: process.pid,
    version,
    file_hash: fileHash?.(),
    serves: serves?.(),
    puts_off: putsOff?.(),
    schema: SCHEMA,
  };
  const rows = await connection.query<BeatRow>(
    BEAT,
    [id, kind, host, JSON.stringify(details), beat.ttlMs, beat.wanted, beat.release, beat.maxNew],
    { timeoutMs },
  );
  return rows.map((row) => ({
    resource: row.resource,
    holder: id,
    epoch: row.epoch,
    isNew: row.taken,
    predecessor:
      row.previous_holder === null
        ? undefined
        : {
            holder: row.previous_holder,
            backendPid: row.previous_backend_pid ?? undefined,
            backendStart: row.previous_backend_start ?? undefined,
          },
  }));
}

/** Lets go of everything. */
export async function leaseLeave(connection: Connection, memberId: string): Promise<void> {
  await connection.query('select tributary.lease_leave($1)', [memberId], {
    timeoutMs: TIMING.leases.leaveMs,
  });
}

interface StandingsRow {
  members: {
    id: string;
    host: string;
    silent_ms: number;
    serves: string[] | null;
    /** Absent: central was installed by a version without it. */
    puts_off?: string[] | null;
  }[];
  leases: Holding[];
  central_ms: number;
}

/** @param me whose look it is: what it puts off now counts, which its last beat may not have said yet. */
export async function leaseStandings(
  connection: Connection,
  me: Pick<MemberFacts, 'id' | 'kind' | 'putsOff'>,
  { resources, timeoutMs }: { readonly resources: readonly string[]; readonly timeoutMs: number },
): Promise<{ members: Member[]; holdings: Holding[]; centralMs: number }> {
  const [row] = await connection.query<StandingsRow>(
    `select members, leases, extract(epoch from clock_timestamp())::float8 * 1000 as central_ms
     from tributary.lease_standings($1, $2)`,
    [me.kind, resources],
    { timeoutMs },
  );
  return {
    members: (row?.members ?? []).map(({ id, host, silent_ms, serves, puts_off }) => ({
      id,
      host,
      silentMs: silent_ms,
      ...(serves === null ? {} : { serves }),
      putsOff: (id === me.id ? me.putsOff?.() : puts_off) ?? [],
    })),
    holdings: row?.leases ?? [],
    centralMs: row?.central_ms ?? Number.NaN,
  };
}

/** Ends the backends of a predecessor: a process frozen in its COPY would hold up all others. */
export async function endPredecessor(
  connection: Connection,
  { holder, backendPid, backendStart }: Predecessor,
): Promise<void> {
  // What we hold already must be renewed meanwhile.
  await connection.query(
    'select tributary.end_member($1, $2, $3)',
    [holder, backendPid ?? null, backendStart ?? null],
    { timeoutMs: TIMING.leases.endPredecessorMs },
  );
}

/** SQL for the first message of a transaction: a member that takes over from this one ends its backend. */
export const memberHoldSql = (memberId: string): string =>
  `select tributary.member_hold('${memberId.replaceAll("'", "''")}'::uuid)`;
