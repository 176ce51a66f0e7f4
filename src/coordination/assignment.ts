// Who should hold what: each member computes its own fair share from the same standings, and takes or lets go. Pure.
//
// Stable: members that hold more keep the odd ones, so that nothing moves between members whose counts differ by one.
// Orphans (orphans.ts) count in no share.

export interface Resource {
  readonly name: string;
  /** Only members of this host hold it, while there is one; others after `adoptAfterMs`. */
  readonly home?: string;
  /** Only members that serve this group hold it; absent: all do. */
  readonly group?: string;
  /** Shared out separately: its holder gets no less of the others. */
  readonly isApart?: boolean;
}

export interface Member {
  readonly id: string;
  readonly host: string;
  /** Ms since its leases ran out; 0 or less: alive. */
  readonly silentMs: number;
  /** Groups that it serves; absent: all. */
  readonly serves?: readonly string[];
  /** Resources that it cannot work on, as far as it knows: it takes one only where nobody else does for long. */
  readonly putsOff?: readonly string[];
}

/** A lease that runs. */
export interface Holding {
  readonly resource: string;
  readonly holder: string;
}

export interface Standings {
  /** Our own id; we are one of the members. */
  readonly me: string;
  readonly resources: readonly Resource[];
  readonly members: readonly Member[];
  readonly holdings: readonly Holding[];
  readonly adoptAfterMs: number;
  /** For how long we have been watching: a host that was never seen counts as absent for this long. */
  readonly watchingMs: number;
  /** Resources that were free for too long, and those that we took as such. */
  readonly orphans?: { readonly free: ReadonlySet<string>; readonly adopted: ReadonlySet<string> };
}

export interface Assignment {
  /** Free resources to take, the most wanted first, more than `maxNew`: others may be quicker. */
  readonly take: readonly string[];
  /** Held by others, who see as we do that they are to let go of them: ours the moment they are free. Absent: none. */
  readonly soon?: readonly string[];
  readonly maxNew: number;
  readonly release: readonly string[];
}

export function assign(standings: Standings): Assignment {
  const { me, resources, holdings } = standings;
  const holderOf = new Map(holdings.map(({ resource, holder }) => [resource, holder]));
  const wanted = new Set(resources.map(({ name }) => name));
  // Holdings that are no resource any more: a slot beyond the pool, a shard taken out of the file.
  const release = holdings
    .filter(({ holder, resource }) => holder === me && !wanted.has(resource))
    .map((one) => one.resource);
  const orphans = standings.orphans?.free ?? new Set();
  const take: string[] = resources.map(({ name }) => name).filter((name) => orphans.has(name));
  let maxNew = take.length;
  const soon: string[] = [];
  for (const { eligible, names } of poolsOf(standings)) {
    if (eligible === undefined) continue;
    const mine = names.filter((name) => holderOf.get(name) === me);
    if (!eligible.includes(me)) {
      release.push(...mine);
      continue;
    }
    const share = shareOf(me, eligible, names, holderOf);
    release.push(...beyondShare(me, eligible, names, holderOf));
    const free = names.filter((name) => !holderOf.has(name) && !orphans.has(name));
    if (mine.length >= share) continue;
    const tooMuch = eligible
      .filter((id) => id !== me)
      .flatMap((id) => beyondShare(id, eligible, names, holderOf));
    if (free.length + tooMuch.length === 0) continue;
    maxNew += share - mine.length;
    take.push(...rotated(free, eligible.indexOf(me), eligible.length));
    soon.push(...rotated(tooMuch, eligible.indexOf(me), eligible.length));
  }
  return { take, maxNew, release, ...(soon.length === 0 ? {} : { soon }) };
}

interface Pool {
  /** Ids of the members that may hold its resources, sorted; undefined: holders keep theirs, and no free one is taken. */
  readonly eligible: readonly string[] | undefined;
  readonly names: readonly string[];
}

/** Resources with the same possible holders are shared out together, but for those apart. */
function poolsOf(standings: Standings): Pool[] {
  const pools = new Map<string, { eligible: readonly string[] | undefined; names: string[] }>();
  for (const resource of standings.resources) {
    const isMine = standings.orphans?.adopted.has(resource.name) && !isPutOff(resource, standings);
    if (isMine) continue;
    const eligible = eligibleFor(resource, standings);
    const apart = resource.isApart ? resource.name : '';
    const key = eligible === undefined ? 'nobody' : JSON.stringify([eligible, apart]);
    const pool = pools.get(key) ?? { eligible, names: [] };
    pool.names.push(resource.name);
    pools.set(key, pool);
  }
  return [...pools.values()];
}

const isPutOff = ({ name }: Resource, { me, members }: Standings): boolean =>
  members.find(({ id }) => id === me)?.putsOff?.includes(name) === true;

function eligibleFor(
  { name, home, group }: Resource,
  { members, adoptAfterMs, watchingMs }: Standings,
): readonly string[] | undefined {
  const serving = members
    .filter(({ serves }) => group === undefined || serves?.includes(group) !== false)
    .filter(({ putsOff }) => putsOff?.includes(name) !== true);
  const alive = serving.filter(({ silentMs }) => silentMs <= 0);
  if (home === undefined) return sortedIds(alive);
  const atHome = serving.filter(({ host }) => host === home);
  const aliveAtHome = atHome.filter(({ silentMs }) => silentMs <= 0);
  if (aliveAtHome.length > 0) return sortedIds(aliveAtHome);
  const absentMs = Math.min(watchingMs, ...atHome.map(({ silentMs }) => silentMs));
  return absentMs >= adoptAfterMs ? sortedIds(alive) : undefined;
}

/** The odd ones go to the members that hold most, then by id: every member computes the same. */
function shareOf(
  me: string,
  eligible: readonly string[],
  names: readonly string[],
  holderOf: ReadonlyMap<string, string>,
): number {
  const counts = new Map(eligible.map((id) => [id, 0]));
  for (const name of names) {
    const holder = holderOf.get(name);
    const count = holder === undefined ? undefined : counts.get(holder);
    if (holder !== undefined && count !== undefined) counts.set(holder, count + 1);
  }
  const rank = [...eligible]
    .sort((a, b) => (counts.get(b) ?? 0) - (counts.get(a) ?? 0) || (a < b ? -1 : 1))
    .indexOf(me);
  return Math.floor(names.length / eligible.length) + (rank < names.length % eligible.length ? 1 : 0);
}

/** What a member is to let go of. */
function beyondShare(
  id: string,
  ...pool: [readonly string[], readonly string[], ReadonlyMap<string, string>]
): string[] {
  const [, names, holderOf] = pool;
  return names.filter((name) => holderOf.get(name) === id).slice(shareOf(id, ...pool));
}

/** Members begin at different places, so that they do not try to take the same one. */
function rotated(names: readonly string[], rank: number, members: number): string[] {
  const start = Math.floor((rank * names.length) / members);
  return [...names.slice(start), ...names.slice(0, start)];
}

const sortedIds = (members: readonly Member[]): readonly string[] => members.map(({ id }) => id).sort();
