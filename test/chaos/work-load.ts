// Load for chaos tests of workers, and what became of each of its events.
import { setTimeout as pause } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import type { Random } from '../support/random.ts';
import type { WorkerCentral } from '../support/workers/worker-central.ts';

/** Of every hundred events the one with this remainder never works: handlers of chaos tests throw for it. */
export const NEVER_WORKS = 7;

export interface WorkLoad {
  stop(): Promise<void>;
}

/** Numbers of events, each taken once. */
export class Numbers {
  #next = 1;

  take(count: number): number {
    this.#next += count;
    return this.#next - count;
  }
}

/** Inserts events until stopped. What was committed is asked of the queue itself. */
export function startWorkLoad(central: WorkerCentral, numbers: Numbers, random: Random): WorkLoad {
  const stopped = new AbortController();
  onTestFinished(() => stopped.abort());
  const ended = (async () => {
    while (!stopped.signal.aborted) {
      const count = random.oneIn(40) ? 100 : 1 + random.below(5);
      // Taken also where it fails: nobody knows whether it was committed.
      await central.produce('orders', count, { from: numbers.take(count) }).catch(() => pause(100));
      await pause(random.below(60));
    }
  })();
  return {
    async stop() {
      stopped.abort();
      await ended;
    },
  };
}

export interface Fate {
  readonly n: number;
  readonly made: number;
  readonly handled: number;
  readonly dead: number;
  readonly kinds: string | null;
}

/** Every event with what became of it, where that is not exactly one thing, or `killers` live. */
export async function wrongFates(central: WorkerCentral, killers: readonly number[] = []): Promise<Fate[]> {
  return await central.query<Fate>(
    `with made as (select (ev_data::json->>'n')::int as n, count(*)::int as times
                     from ${await tableOf(central)} where ev_owner is null group by 1),
          handled as (select n, count(*)::int as times from effect group by n),
          dead as (select split_part(origin, ':', 3)::int as n, count(*)::int as times, string_agg(kind, ',') as kinds
                     from tributary.dead_event group by 1)
     select n, coalesce(made.times, 0) as made, coalesce(handled.times, 0) as handled, coalesce(dead.times, 0) as dead, kinds
       from made full join handled using (n) full join dead using (n)
      where coalesce(made.times, 0) <> 1 or coalesce(handled.times, 0) + coalesce(dead.times, 0) <> 1
         or n % 100 = ${NEVER_WORKS} and dead.times is null
         or n = any ($1::int[]) and dead.kinds is distinct from 'killed'
      order by n`,
    [killers],
  );
}

async function tableOf(central: WorkerCentral): Promise<string> {
  const [row] = await central.query<{ name: string }>(
    `select queue_data_pfx as name from pgq.queue where queue_name = 'orders'`,
  );
  return row?.name as string;
}

/** Nothing waits: neither unread, nor for another try, nor in the search for a killer. */
export async function isSettled(central: WorkerCentral): Promise<boolean> {
  const unfinished = (await wrongFates(central)).some(({ made, handled, dead }) => made > handled + dead);
  if (unfinished) return false;
  const [left] = await central.query<{ n: number }>(
    `select (select count(*) from pgq.retry_queue) + (select count(*) from tributary.attempt)
          + (select count(*) from tributary.narrowing) as n`,
  );
  return left?.n === 0;
}
