// What a host works on, and the first message to each of its workers.
import type { Config } from '../../config/config.ts';
import { type Worked, workedIn } from '../../config/worked.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { groupName } from '../../queue/names.ts';
import type { StartMessage } from '../protocol.ts';
import type { MemberGroup } from './silent-members.ts';
import type { WantedSlot } from './slot/slots.ts';

/** What the file has workers for, by name; only those of these queues, or with these names, where they are given. */
export function workedQueues(
  config: Config,
  names: readonly string[] | undefined,
): ReadonlyMap<string, Worked> {
  const isMeant = ({ name, queue }: Worked) =>
    names === undefined || names.includes(name) || names.includes(queue);
  return new Map(
    workedIn(config)
      .filter(isMeant)
      .map((one) => [one.name, one]),
  );
}

/** The groups that have the workers of what is worked, with their queues. */
export function groupsOf(config: Config, worked: ReadonlyMap<string, Worked>): MemberGroup[] {
  const queues = new Map<string, string[]>();
  for (const { group, queue } of worked.values()) {
    const name = groupName(config, group);
    queues.set(name, [...(queues.get(name) ?? []), queue]);
  }
  return [...queues].map(([group, own]) => ({ group, queues: own }));
}

export function startMessageOf(
  { slot }: WantedSlot,
  {
    config,
    host,
    queue,
    log,
  }: {
    readonly config: Config;
    readonly host: string;
    readonly queue: Worked;
    readonly log: StartMessage['log'];
  },
): StartMessage {
  const { handler = '', apply, lanes, origin, timeoutMs, retry, ratePerSecond, results } = queue;
  return {
    type: 'start',
    central: config.central,
    queue: queue.queue,
    group: groupName(config, queue.group),
    ...(queue.group === undefined ? {} : { work: queue.name, groupName: queue.group }),
    slot,
    host,
    handler,
    ...(apply === undefined ? {} : { apply: [...apply] }),
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
    ...(lanes === undefined
      ? {}
      : { keys: { atOnce: lanes.atOnce, isRated: lanes.perKeyPerSecond !== undefined } }),
    ...(results && { hasResults: true }),
    heldForMs: TIMING.worker.leaseForMs,
    log,
  };
}
