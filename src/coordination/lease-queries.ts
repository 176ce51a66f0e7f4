// Queries of leases (tributary.lease_*): one call per function.

import { schemaVersion } from '../central/fit/schema-version.ts';
import { TIMING } from '../lifecycle/timing.ts';
import type { Connection } from '../postgres/connection.ts';
import type { Holding, Member } from './assignment.ts';
import type { Term } from './term.ts';
import { type PoolRow, type WantedWorkers, wantedWorkers } from './worker-pool.ts';

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
  held: {
    resource: string;
    epoch: number;
    taken: boolean;
    previous_backend_pid: number | null;
    previous_backend_start: string | null;
    previous_holder: string | null;
  }[];
  members: {
    id: string;
    host: string;
    silent_ms: number;
    serves: string[] | null;
    puts_off: string[] | null;
  }[];
  leases: Holding[];
  asked: number | null;
  pools: PoolRow[] | null;
  now_ms: number;
}

/** What central answers to a beat. */
export interface BeatAnswer {
  /** All that is held now. */
  readonly held: readonly HeldTerm[];
  readonly members: readonly Member[];
  readonly holdings: readonly Holding[];
  /** How often all members were asked to read their files again. */
  readonly asked: number;
  /** How many workers each central queue shall have; of a mover nothing. */
  readonly pools: readonly WantedWorkers[];
  /** Central's clock, ms since 1970. */
  readonly centralMs: number;
}

const BEAT = `select held, members, leases, asked::float8 as asked, pools, now_ms
from tributary.member_beat($1, $2, $3, $4, $5 * interval '1 millisecond', $6, $7, $8, $9)`;

/** @param resources whose standings are looked at, beside those that are held. */
export async function leaseBeat(
  connection: Connection,
  member: MemberFacts,
  {
    beat,
    resources,
    timeoutMs,
  }: { readonly beat: Beat; readonly resources: readonly string[]; readonly timeoutMs: number },
): Promise<BeatAnswer> {
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
  const [row] = await connection.query<BeatRow>(
    BEAT,
    [id, kind, host, JSON.stringify(details), beat.ttlMs, beat.wanted, beat.release, beat.maxNew, resources],
    { timeoutMs },
  );
  return {
    held: (row?.held ?? []).map((term) => ({
      resource: term.resource,
      holder: id,
      epoch: term.epoch,
      isNew: term.taken,
      predecessor:
        term.previous_holder === null
          ? undefined
          : {
              holder: term.previous_holder,
              backendPid: term.previous_backend_pid ?? undefined,
              backendStart: term.previous_backend_start ?? undefined,
            },
    })),
    members: (row?.members ?? []).map((seen) => ({
      id: seen.id,
      host: seen.host,
      silentMs: seen.silent_ms,
      ...(seen.serves === null ? {} : { serves: seen.serves }),
      // What it puts off now counts, which this beat may not have said.
      putsOff: (seen.id === id ? putsOff?.() : seen.puts_off) ?? [],
    })),
    holdings: row?.leases ?? [],
    asked: row?.asked ?? 0,
    pools: (row?.pools ?? []).map(wantedWorkers),
    centralMs: row?.now_ms ?? Number.NaN,
  };
}

/** Lets go of everything. */
export async function leaseLeave(connection: Connection, memberId: string): Promise<void> {
  await connection.query('select tributary.lease_leave($1)', [memberId], {
    timeoutMs: TIMING.leases.leaveMs,
  });
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
