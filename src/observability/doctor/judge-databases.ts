// Puts together what databases said: sessions by server, rotation by consumer; what our own consumers hold is evidence for
// what is wrong with their sources already. Pure.
import type { Config } from '../../config/config.ts';
import { workName } from '../../config/worked.ts';
import { groupName } from '../../queue/names.ts';
import { captureDiagnoses } from '../judge-captures.ts';
import type { Diagnosis } from './diagnosis.ts';
import type { DatabaseHealth } from './facts.ts';
import {
  type DiskFacts,
  heldBy,
  type PinnedQueue,
  pinnedQueues,
  rotationDiagnoses,
} from './judge-rotation.ts';
import { sessionDiagnoses } from './judge-sessions.ts';

export interface DatabasesAmong {
  /** What is known to be wrong without them. */
  readonly known: readonly Diagnosis[];
  readonly config: Pick<Config, 'name'>;
  /** Of servers on this machine, by `host:port`. */
  readonly disks?: ReadonlyMap<string, DiskFacts>;
}

/** @returns also what was known. */
export function databaseDiagnoses(
  databases: readonly DatabaseHealth[],
  { known, config, disks = new Map() }: DatabasesAmong,
): Diagnosis[] {
  const pinned = pinnedQueues(databases);
  const isExplained = (one: PinnedQueue) =>
    isOurs(one, config) && known.some(({ of, names }) => isOf(of) && names.includes(nameOf(one, config)));
  const byServer = new Map<string, DatabaseHealth[]>();
  for (const one of databases) byServer.set(one.identity, [...(byServer.get(one.identity) ?? []), one]);
  const ofSessions = [...byServer].flatMap(([identity, own]) => {
    const held = pinned
      .filter(({ by, database }) => by === 'transaction' && database.identity === identity)
      .map(({ name }) => name);
    return sessionDiagnoses({ server: own[0]?.server ?? '', databases: own, held });
  });
  const isNamed = (identity: string) =>
    ofSessions.some(
      ({ cause, names }) =>
        (cause === 'long-transaction' || cause === 'prepared-transaction') &&
        byServer.get(identity)?.some(({ name }) => names.includes(name)),
    );
  const open = pinned.filter(
    (one) => !isExplained(one) && !(one.by === 'transaction' && isNamed(one.database.identity)),
  );
  return [
    ...known.map((one) => withHeld(one, pinned.filter(isExplained), { config, disks })),
    ...ofSessions,
    ...rotationDiagnoses(open, { disks }),
    ...captureDiagnoses(databases),
  ];
}

const isOf = (of: Diagnosis['of']): boolean => of === 'source' || of === 'queue';

/** As a diagnosis of what is wrong with it has it: `orders/billing` for a group of central. */
function nameOf(
  { name, rotation: { consumer }, database }: PinnedQueue,
  config: Pick<Config, 'name'>,
): string {
  const ours = `${groupName(config)}/`;
  if (database.name !== 'central' || consumer?.startsWith(ours) !== true) return name;
  // Of a member behind a dot.
  return workName(name, consumer.slice(ours.length).split('.')[0]);
}

/** A watermark on a shard, or the group of our workers on central. */
function isOurs({ rotation: { consumer }, database }: PinnedQueue, config: Pick<Config, 'name'>): boolean {
  if (consumer === null) return false;
  const ours = database.name === 'central' ? groupName(config) : `tributary_${config.name}_`;
  return consumer.startsWith(ours);
}

function withHeld(
  one: Diagnosis,
  explained: readonly PinnedQueue[],
  { config, disks }: Required<Pick<DatabasesAmong, 'config' | 'disks'>>,
): Diagnosis {
  const own = explained.filter((pinned) => isOf(one.of) && one.names.includes(nameOf(pinned, config)));
  const [first] = own;
  if (first === undefined) return one;
  return { ...one, evidence: [...one.evidence, ...heldBy(own, disks.get(first.database.server))] };
}
