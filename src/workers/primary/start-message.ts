// What a host works on, and the first message to each of its workers.
import type { Config, Queue } from '../../config/config.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { groupName } from '../../queue/names.ts';
import type { StartMessage } from '../protocol.ts';
import type { MemberGroup } from './silent-members.ts';
import type { WantedSlot } from './slot/slots.ts';

export type WorkedQueue = Queue & { readonly workers: number };

/** The queues of the file that have workers, by name; only those in `queues` where it is given. */
export function workedQueues(
  config: Config,
  queues: readonly string[] | undefined,
): ReadonlyMap<string, WorkedQueue> {
  const worked = config.queues.filter((queue): queue is WorkedQueue => queue.workers !== 'none');
  return new Map(
    worked.filter(({ name }) => queues?.includes(name) ?? true).map((queue) => [queue.name, queue]),
  );
}

/** The group of leases that the members of these queues share; its queues are those of the map as it is now. */
export function groupOf(config: Config, queues: ReadonlyMap<string, unknown>): MemberGroup {
  return {
    get queues() {
      return [...queues.keys()];
    },
    group: groupName(config),
  };
}

export function startMessageOf(
  { slot, queue: name }: WantedSlot,
  {
    config,
    host,
    queue,
    log,
  }: {
    readonly config: Config;
    readonly host: string;
    readonly queue: WorkedQueue;
    readonly log: StartMessage['log'];
  },
): StartMessage {
  const { handler = '', origin, timeoutMs, retry, ratePerSecond } = queue;
  return {
    type: 'start',
    central: config.central,
    queue: name,
    group: groupName(config),
    slot,
    host,
    handler,
    origin,
    centralQueues: Object.fromEntries(
      config.queues.map(({ name: central, origin: column, unique }) => [
        central,
        unique === undefined ? column : { origin: column, uniqueKey: unique.key },
      ]),
    ),
    timeoutMs,
    retry,
    ...(ratePerSecond === undefined ? {} : { ratePerSecond }),
    heldForMs: TIMING.worker.leaseForMs,
    log,
  };
}
