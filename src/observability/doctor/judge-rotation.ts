// Which queues cannot rotate, by whose fault, how much they hold, and how fast it grows. Pure.
import { sentenceAge } from '../../errors/age.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import type { RotationFacts } from '../../shards/held.ts';
import { diagnosis } from './causes.ts';
import type { Diagnosis } from './diagnosis.ts';
import type { DatabaseHealth } from './facts.ts';

/** A queue that could have rotated long ago. */
export interface PinnedQueue {
  /** `shard:queue`, or the name of a central queue. */
  readonly name: string;
  readonly database: DatabaseHealth;
  readonly rotation: RotationFacts;
  readonly by: 'consumer' | 'transaction' | 'session';
}

export function pinnedQueues(databases: readonly DatabaseHealth[]): PinnedQueue[] {
  return databases.flatMap((database) =>
    database.rotation.flatMap((rotation) => {
      const by = whatPins(rotation);
      const name = database.name === 'central' ? rotation.queue : `${database.name}:${rotation.queue}`;
      return by === undefined ? [] : [{ name, database, rotation, by }];
    }),
  );
}

/** Undefined: it rotates, it has nothing to empty, or nobody tries to: then something else is wrong. */
function whatPins(rotation: RotationFacts): PinnedQueue['by'] | undefined {
  const { periodSeconds, switchedSeconds, hasRows, isHeld, isBehind, users } = rotation;
  const ageSeconds = rotation.consumerAgeSeconds ?? 0;
  if (periodSeconds === null || !hasRows) return undefined;
  const overdueSeconds = switchedSeconds - periodSeconds;
  if (overdueSeconds < TIMING.doctor.rotationSeconds) return undefined;
  if (isHeld) {
    if (isBehind && ageSeconds > overdueSeconds) return 'consumer';
    // A tick of now only looks old by what was open then. Where events come no more there is none: nothing needs room.
    return ageSeconds < TIMING.doctor.recentTickSeconds ? 'transaction' : undefined;
  }
  return users.length > 0 ? 'session' : undefined;
}

export interface DiskFacts {
  readonly freeBytes: number;
}

/**
 * One diagnosis for each consumer of a server.
 * @param ours our consumers, whose sources or queues have a diagnosis of their own.
 * @param disks of servers on this machine, by `host:port`.
 */
export function rotationDiagnoses(
  pinned: readonly PinnedQueue[],
  { disks }: { readonly disks: ReadonlyMap<string, DiskFacts> },
): Diagnosis[] {
  const groups = new Map<string, PinnedQueue[]>();
  for (const one of pinned) {
    // Of transactions the sessions are named, or that none is seen.
    const whose = one.by === 'consumer' ? one.rotation.consumer : one.rotation.users.join();
    const key = `${one.database.identity} ${one.by} ${whose}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()].map((own) => {
    const [{ database, rotation, by }] = own as [PinnedQueue];
    const { server, sessions } = database;
    const what = own.length === 1 ? `queue ${own[0]?.name}` : `${own.length} queues`;
    const oldest = Math.max(...own.map((one) => one.rotation.consumerAgeSeconds ?? 0));
    const why = {
      consumer: `consumer ${rotation.consumer} stands ${sentenceAge(oldest)} back`,
      transaction: sessions.seesAll
        ? 'a transaction is older than the last rotation'
        : `a transaction is older than the last rotation, which role ${sessions.role} may not see (\`grant pg_read_all_stats to ${sessions.role}\`)`,
      session: `sessions use the table that is next (pid ${rotation.users.join(', ')})`,
    }[by];
    return diagnosis(
      'rotation-pinned',
      own.map(({ name }) => name),
      {
        severity: 'risk',
        sentence: `On ${server} ${what} cannot rotate: ${why}.`,
        evidence: heldBy(own, disks.get(server)),
      },
    );
  });
}

/** What they hold, and when the disk is full at this rate, where its size is known here. */
export function heldBy(pinned: readonly PinnedQueue[], disk: DiskFacts | undefined): string[] {
  const bytes = sum(pinned.map(({ rotation }) => rotation.bytes));
  const anHour = sum(pinned.map(({ rotation }) => rotation.bytesAnHour));
  return [
    `${bytesText(bytes)} held, about ${bytesText(anHour)} more an hour`,
    disk === undefined
      ? 'how large its disk is, SQL does not tell'
      : anHour < 1
        ? `${bytesText(disk.freeBytes)} free`
        : `disk full in about ${sentenceAge((disk.freeBytes / anHour) * 3_600)} (${bytesText(disk.freeBytes)} free)`,
  ];
}

const UNITS = ['kB', 'MB', 'GB', 'TB'] as const;

/** `12 kB`, `3.4 GB` */
export function bytesText(bytes: number): string {
  let value = bytes / 1_024;
  let at = 0;
  while (value >= 1_024 && at < UNITS.length - 1) {
    value /= 1_024;
    at += 1;
  }
  return `${value < 10 && at > 0 ? Math.round(value * 10) / 10 : Math.round(value)} ${UNITS[at]}`;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);
