// The accidents of the demo: kills a mover and a worker with SIGKILL, and reads from central how long the takeover took.
import { wait } from '../../lifecycle/wait.ts';
import type { Connection } from '../../postgres/connection.ts';

export interface Accident {
  readonly pid: number;
  /** How long it took until another did its work, in seconds, by central's clock. */
  readonly recoveredS: () => Promise<number>;
}

const POLL_MS = 100;

/** @returns undefined where no mover runs at the moment. */
export async function killMover(central: Connection, signal: AbortSignal): Promise<Accident | undefined> {
  const [mover] = await central.query<{ id: string; pid: number; now: string }>(
    `select id::text as id, pid, clock_timestamp()::text as now from tributary.member
      where kind = 'mover' and until > clock_timestamp() order by seen_at desc limit 1`,
  );
  if (mover === undefined) return undefined;
  const { id, pid, now } = mover;
  process.kill(pid, 'SIGKILL');
  return {
    pid,
    recoveredS: () =>
      answer(signal, async () => {
        // All shards of the dead mover have another holder.
        const [row] = await central.query<{ s: number | null }>(
          `select extract(epoch from max(t.taken_at) - $2::timestamptz)::float8 as s
             from tributary.term t left join tributary.member m on m.id = t.holder
            where t.resource like 'shard:%'
           having bool_and(m.id is not null and m.id <> $1::uuid)`,
          [id, now],
        );
        return row?.s ?? undefined;
      }),
  };
}

/** @param queue one of its workers, any. */
export async function killWorker(
  central: Connection,
  { queue, signal }: { readonly queue: string; readonly signal: AbortSignal },
): Promise<(Accident & { readonly slot: string }) | undefined> {
  const [worker] = await central.query<{ slot: string; pid: number; now: string }>(
    `select p.key as slot, p.value::int as pid, clock_timestamp()::text as now
       from tributary.member m, jsonb_each_text(m.details -> 'pids') p
      where m.kind = 'work' and m.until > clock_timestamp() and p.key like $1 || '#%'
      order by random() limit 1`,
    [queue],
  );
  if (worker === undefined) return undefined;
  const { slot, pid, now } = worker;
  process.kill(pid, 'SIGKILL');
  return {
    slot,
    pid,
    recoveredS: () =>
      answer(signal, async () => {
        const [row] = await central.query<{ s: number }>(
          `select extract(epoch from min(m.seen_at) - $4::timestamptz)::float8 as s
             from tributary.member m
            where m.kind = 'work' and (m.details -> 'pids' ->> $1)::int <> $2
              and (m.details -> 'running' ->> $3)::int =
                  (select w.wanted from tributary.worker_pool w where w.central_queue = $3)
           having count(*) > 0`,
          [slot, pid, queue, now],
        );
        return row?.s;
      }),
  };
}

async function answer(signal: AbortSignal, ask: () => Promise<number | undefined>): Promise<number> {
  for (;;) {
    const seconds = await ask();
    if (seconds !== undefined) return seconds;
    signal.throwIfAborted();
    await wait(POLL_MS, signal);
  }
}
