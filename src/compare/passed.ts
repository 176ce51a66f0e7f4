// Waits until everything that is committed on a shard now is in central, and is applied there.
import type { CentralLink } from '../central/central-link.ts';
import type { Queue } from '../config/config.ts';
import { TributaryError } from '../errors/tributary-error.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { wait } from '../lifecycle/wait.ts';
import { drain } from '../succession/drain.ts';
import type { ShardSide } from '../succession/side.ts';

export interface Passing {
  readonly link: CentralLink;
  readonly side: ShardSide;
  readonly queue: Queue;
  /** The consumer whose worker applies. */
  readonly group: string;
  readonly patienceMs: number;
  readonly signal: AbortSignal;
}

/** @throws TributaryError that says what is in the way. */
export async function untilPassed({ link, side, queue, group, patienceMs, signal }: Passing): Promise<void> {
  const endMs = performance.now() + patienceMs;
  const { problems } = await drain(side, { link, only: new Set(queue.from), patienceMs, signal });
  if (problems.length > 0) throw late(problems.join(' '), 'Run this again when it is moved.');
  const mark = await markOn(link, queue.name, signal);
  while (!(await isBehind(link, { queue: queue.name, group, mark }))) {
    if (performance.now() > endMs || signal.aborted)
      throw late(
        `The worker of queue ${queue.name} has not applied within ${Math.round(patienceMs / 1_000)} s what was committed on shard ${side.shard.name} by then.`,
        'See `tributary lag`, or wait for longer by --patience.',
      );
    await wait(TIMING.commands.drainAskMs, signal);
  }
}

/** A tick that covers everything that is committed on central now. */
async function markOn(link: CentralLink, queue: string, signal: AbortSignal): Promise<number> {
  const tick = async () => {
    const [row] = await link.query<{ covers: boolean }>('select tributary.tick($1, null) as covers', [queue]);
    return row?.covers === true;
  };
  while (!(await tick()) && !signal.aborted) await wait(TIMING.commands.drainAskMs, signal);
  const [row] = await link.query<{ tick: number }>(
    `select max(t.tick_id) as tick from pgq.tick t join pgq.queue q on q.queue_id = t.tick_queue where q.queue_name = $1`,
    [queue],
  );
  return row?.tick ?? 0;
}

/** Whether the group, and every batch of it that is at hand, is at the tick or behind it. */
async function isBehind(
  link: CentralLink,
  { queue, group, mark }: { readonly queue: string; readonly group: string; readonly mark: number },
): Promise<boolean> {
  const [row] = await link.query<{ passed: boolean }>(
    `select coalesce(bool_and(case when s.sub_consumer = g.sub_consumer then s.sub_last_tick >= $3
         else s.sub_batch is null or s.sub_last_tick >= $3 end), false) as passed
     from pgq.queue q
     join pgq.consumer c on c.co_name = $2
     join pgq.subscription g on g.sub_queue = q.queue_id and g.sub_consumer = c.co_id
     join pgq.subscription s on s.sub_queue = q.queue_id and s.sub_id = g.sub_id
     where q.queue_name = $1`,
    [queue, group, mark],
  );
  return row?.passed === true;
}

const late = (what: string, remedy: string): TributaryError =>
  new TributaryError(what, { code: 'apply', kind: 'retryable', remedy });
