// The members as people see them: processes that run, or died and still hold leases, and what they hold.
import type { Connection } from '../postgres/connection.ts';

export interface SeenMember {
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
  /** Resources that it holds. */
  readonly leases: readonly string[];
}

export async function readMembers(central: Connection, timeoutMs: number): Promise<SeenMember[]> {
  return await central.query<SeenMember>(
    `select m.id::text as id, m.kind, m.host, m.pid, m.version, m.file_hash as "fileHash",
        to_char(m.started_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "startedAt",
        greatest(round(extract(epoch from clock_timestamp() - m.seen_at)::numeric, 1), 0)::float8 as silent,
        coalesce(h.leases, '{}') as leases
     from tributary.member m
     left join (select t.holder, array_agg(t.resource order by t.resource) as leases
                from tributary.term t where t.holder is not null group by t.holder) h on h.holder = m.id
     where m.until > clock_timestamp() or h.holder is not null
     order by m.host, m.kind, m.started_at`,
    [],
    { timeoutMs },
  );
}
