// `reload --workers`: replaces the workers of all hosts by new processes, and says when that is done.
import type { CentralLink } from '../../../central/central-link.ts';
import { replaceWorkers } from '../../../coordination/scaling.ts';
import { counted } from '../../../errors/words.ts';
import { TIMING } from '../../../lifecycle/timing.ts';
import { wait } from '../../../lifecycle/wait.ts';
import type { CliContext } from '../../context.ts';
import { operator } from '../../operator.ts';

/** @returns false where old code goes on somewhere. */
export async function renewWorkers(
  link: CentralLink,
  queues: readonly string[],
  { context, patienceMs }: { readonly context: CliContext; readonly patienceMs: number },
): Promise<boolean> {
  const wanted = await replaceWorkers(link, { queues, operator: operator() });
  const endMs = performance.now() + patienceMs;
  let isDone = true;
  for (const [queue, generation] of wanted) {
    for (;;) {
      const hosts = await standOf(link, queue);
      const old = hosts.filter((host) => (host.generation ?? generation) < generation);
      const failed = old.find(({ keptOf }) => keptOf !== undefined && keptOf >= generation);
      const isOver = old.length === 0 || failed !== undefined || performance.now() > endMs;
      if (isOver) context.stdout.write(`${sentence({ queue, hosts, old, failed })}\n`);
      if (isOver) isDone &&= old.length === 0;
      if (isOver) break;
      await wait(TIMING.commands.reloadAskMs, context.signal);
      if (context.signal.aborted) return false;
    }
  }
  return isDone;
}

interface HostStand {
  readonly host: string;
  /** The generation of its oldest process; undefined: it has none. */
  readonly generation: number | undefined;
  /** Why its old process goes on, and the generation of the new one that could not take over. */
  readonly kept: string | undefined;
  readonly keptOf: number | undefined;
}

/** The last report of each living host about a queue. */
async function standOf(link: CentralLink, queue: string): Promise<HostStand[]> {
  const rows = await link.query<{
    host: string;
    generation: number | null;
    kept: string | null;
    kept_of: number | null;
  }>(
    `select host, (details -> 'generations' ->> $1)::int as generation,
        details -> 'kept' ->> $1 as kept, (details -> 'keptOf' ->> $1)::int as kept_of
       from tributary.member
      where kind = 'work' and until > clock_timestamp() and coalesce(details -> 'serves' ? $1, true)
      order by host`,
    [queue],
  );
  return rows.map(({ host, generation, kept, kept_of }) => ({
    host,
    generation: generation ?? undefined,
    kept: kept ?? undefined,
    keptOf: kept_of ?? undefined,
  }));
}

function sentence({
  queue,
  hosts,
  old,
  failed,
}: {
  readonly queue: string;
  readonly hosts: readonly HostStand[];
  readonly old: readonly HostStand[];
  readonly failed: HostStand | undefined;
}): string {
  if (failed !== undefined)
    return `${queue}: on ${failed.host} the old code goes on: ${failed.kept} It is tried again every 15 seconds.`;
  if (old.length > 0)
    return `${queue}: not all workers are replaced yet on ${old.map(({ host }) => host).join(', ')}; those that are left finish their batches first.`;
  // Not the number of running processes: one that has just taken over may not be in it yet.
  const at = hosts.filter(({ generation }) => generation !== undefined).length;
  if (at === 0) return `${queue}: no worker runs now; those that start will have the new code.`;
  return `${queue}: all workers run the new code, on ${counted(at, 'host')}.`;
}
