// CPU time of the server's processes, by the client they work for. From /proc, so server and bench must share a machine.
import { readFileSync } from 'node:fs';
import type { Connection } from '../../dist/postgres/connection.js';

const TICKS_PER_SECOND = 100;

/** CPU seconds so far of the backends that live now, by application name without the queue's; the server's own as `server`. */
export async function serverCpu(connection: Connection): Promise<Map<string, number>> {
  const rows = await connection.query<{ pid: number; who: string }>(
    `select pid, case when backend_type = 'client backend' then coalesce(nullif(regexp_replace(application_name, ' ?queue_[0-9]+(#[0-9]+)?( bench)?', ''), ''), 'client') else 'server' end as who
     from pg_stat_activity`,
  );
  const total = new Map<string, number>();
  for (const { pid, who } of rows) total.set(who, (total.get(who) ?? 0) + cpuSeconds(pid));
  return total;
}

/** CPU seconds so far of our own backends that live now, in central and on all shards. */
export async function ownServerCpu(connection: Connection): Promise<{ central: number; shards: number }> {
  const rows = await connection.query<{ pid: number; central: boolean }>(
    `select pid, datname = 'central' as central from pg_stat_activity
      where backend_type = 'client backend' and application_name like 'tributary %'`,
  );
  const sum = (central: boolean) =>
    rows.filter((row) => row.central === central).reduce((cpu, { pid }) => cpu + cpuSeconds(pid), 0);
  return { central: sum(true), shards: sum(false) };
}

/** Cores used between two readings, by application name. */
export function coresBetween(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
  seconds: number,
): Record<string, number> {
  return Object.fromEntries(
    [...after].map(([who, cpu]) => [
      `server CPU for ${who}, cores`,
      (cpu - (before.get(who) ?? 0)) / seconds,
    ]),
  );
}

/** CPU time so far of one backend, in µs: for statements that are too short for the ticks of /proc/PID/stat. */
export function backendCpuUs(pid: number | undefined): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1000;
}

function cpuSeconds(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch {
    return 0;
  }
}
