// Works a backlog off with `tributary work`, timed from the moment when all its workers are ready.
import { Connection } from '../../dist/postgres/connection.js';
import type { BenchCluster } from './cluster.ts';
import { startTributary } from './mover-process.ts';
import { serverCpuSeconds } from './processes.ts';

export interface WorkedOff {
  readonly seconds: number;
  /** CPU seconds of the workers and their pool, without their start. */
  readonly cpuSeconds: number;
  readonly serverCpuSeconds: number;
  /** Transactions of central meanwhile, including the pool's heartbeats. */
  readonly transactions: number;
}

const POLL_MS = 5;

export interface WorkOffOptions {
  readonly queue: string;
  readonly workers: number;
  readonly node?: string;
  /** Its events go by their keys. */
  readonly hasLanes?: boolean;
}

/** A lock on the group's position, or on lanes, is the start signal: no worker gets its first batch before all of them ask for one. */
export async function workOff(
  { central, config, server }: BenchCluster,
  { queue, workers, node, hasLanes = false }: WorkOffOptions,
): Promise<WorkedOff> {
  const gun = await Connection.open(config.central, { applicationName: 'bench start' });
  await gun.script('begin');
  if (hasLanes) await gun.script('lock table tributary.lane in exclusive mode');
  await gun.query(
    `select from pgq.subscription s join pgq.queue q on q.queue_id = s.sub_queue
      where q.queue_name = $1 and s.sub_last_tick is not null for update of s`,
    [queue],
  );
  await central.script(DONE);
  const pool = startTributary(['-c', config.file, 'work', '--queue', queue], {
    ...(node === undefined ? {} : { node }),
  });
  const poll = async (isDone: () => Promise<boolean>) => {
    while (!(await isDone())) {
      if (!pool.isRunning()) throw new Error(`The workers of ${queue} ended before their work.`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  };
  try {
    await poll(async () => {
      const [row] = await central.query<{ waiting: number }>(
        `select count(*) as waiting from pg_stat_activity where wait_event_type = 'Lock' and application_name like $1`,
        [`tributary ${queue}#%`],
      );
      return (row?.waiting ?? 0) >= workers;
    });
    const cpuBefore = pool.treeCpuSeconds();
    const serverBefore = serverCpuSeconds(server.dataDir);
    const transactionsBefore = await transactions(central);
    const began = performance.now();
    await gun.script('commit');
    await poll(async () => {
      const [row] = await central.query<{ done: boolean }>('select public.bench_is_done($1, $2) as done', [
        queue,
        hasLanes,
      ]);
      return row?.done === true;
    });
    const seconds = (performance.now() - began) / 1000;
    return {
      seconds,
      serverCpuSeconds: serverCpuSeconds(server.dataDir) - serverBefore,
      cpuSeconds: pool.treeCpuSeconds() - cpuBefore,
      transactions: (await transactions(central)) - transactionsBefore,
    };
  } finally {
    await pool.stop();
    await gun.close();
  }
}

/**
 * All is handled, and no worker has a batch; of lanes, whose positions PgQ's follows a second later. A function, whose plans are kept:
 * planned anew each time, the question would cost as much as the work that is measured.
 */
const DONE = `create or replace function public.bench_is_done(x_queue text, x_has_lanes boolean) returns boolean language plpgsql as $$
  declare
    v_queue integer := (select q.queue_id from pgq.queue q where q.queue_name = x_queue);
    v_last bigint := (select t.tick_id from pgq.tick t where t.tick_queue = v_queue order by t.tick_id desc limit 1);
  begin
    if x_has_lanes then
      return (select bool_and(l.batch is null and l.position = v_last) from tributary.lane l where l.queue_id = v_queue);
    end if;
    return (select bool_and(s.sub_batch is null) and max(s.sub_last_tick) = v_last from pgq.subscription s where s.sub_queue = v_queue);
  end $$`;

async function transactions(central: BenchCluster['central']): Promise<number> {
  const [row] = await central.query<{ count: number }>(
    'select xact_commit as count from pg_stat_database where datname = current_database()',
  );
  return row?.count ?? 0;
}
