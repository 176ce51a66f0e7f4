// What central and the shards say after a command: where sources ended, what is behind that, and where others begin.
import type { CentralLink } from '../central/central-link.ts';
import { type Fingerprint, sameTick } from '../central/position.ts';
import { readRetired } from '../central/succession/retired.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { wait } from '../lifecycle/wait.ts';
import { countEvents, newestTicks, registeredQueues } from '../shards/end-of-queue.ts';
import type { Succession } from './carry-out.ts';
import { unregister } from './ending.ts';
import { type ShardSide, sourcesNow } from './side.ts';

const MOST_LOOKS = 8;

export interface EndedSource {
  readonly source: string;
  readonly what: 'ended' | 'begun' | 'goes on';
  readonly tick: number | undefined;
  /** ISO 8601. */
  readonly tickAt: string | undefined;
  readonly moved: number;
  /** Events on the shard behind the tick; undefined: it was not looked at. */
  readonly behind: number | undefined;
  /** Whether our consumer is still registered; undefined: not looked at. */
  readonly isRegistered: boolean | undefined;
  /** Whether the shard's tick of that number has the same fingerprint; undefined: rotation has taken it, or it was not looked at. */
  readonly isSameTick: boolean | undefined;
}

/** Read anew from the databases. */
export async function proofOf({ request, ends, begins, sides }: Succession): Promise<EndedSource[]> {
  const { link, news, olds } = request;
  const rows: EndedSource[] = [];
  for (const { name } of ends) rows.push(...(await endsOf(name, { request, sides })));
  for (const { name } of news) {
    const isThere = olds.includes(name) || begins.some((one) => one.shard.name === name && one.isThere);
    rows.push(...(await beginningsOf(name, link, isThere && !isBegunCopy(begins, name))));
  }
  return rows;
}

const isBegunCopy = (begins: Succession['begins'], name: string): boolean =>
  begins.some((one) => one.shard.name === name && one.copies.length > 0);

async function endsOf(
  name: string,
  { request: { link, only }, sides }: Pick<Succession, 'request' | 'sides'>,
): Promise<EndedSource[]> {
  const side = sides.find(({ shard }) => shard.name === name);
  const retired = await link.use((central) => readRetired(central, [name]));
  const rows: EndedSource[] = [];
  for (const { queue: queueName, tick, moved } of retired) {
    if (only?.has(queueName) === false) continue;
    const queue = side?.queues.get(queueName);
    const isSeen = side !== undefined && queue !== undefined && tick !== undefined;
    const { schema } = side?.shard ?? { schema: 'pgq' };
    const ticks = isSeen ? await newestTicks(side.connection, queue, { schema }) : [];
    rows.push({
      source: `${name}:${queueName}`,
      what: 'ended',
      tick: tick?.id,
      tickAt: timeOf(tick?.timeUs),
      moved,
      behind: isSeen
        ? (await countEvents(side.connection, queue, { schema, from: tick.id }))?.count
        : undefined,
      isRegistered: side === undefined ? undefined : await staysRegistered(side, queueName),
      isSameTick: isSeen ? isSame(ticks, tick) : undefined,
    });
  }
  return rows;
}

/**
 * A mover that was just moving our registration forward may have made it anew, and takes it back once it has asked central; where it
 * died before that, it is ended here.
 */
async function staysRegistered(side: ShardSide, queue: string): Promise<boolean> {
  const { connection, consumer, shard } = side;
  const { schema } = shard;
  for (let looks = 1; looks <= MOST_LOOKS; looks += 1) {
    if ((await registeredQueues(connection, [queue], { schema, consumer })).length === 0) return false;
    if (looks > MOST_LOOKS / 2) {
      await connection.script('begin');
      await unregister(side, new Set([queue]));
    }
    await wait(TIMING.commands.drainAskMs);
  }
  return true;
}

async function beginningsOf(name: string, link: CentralLink, goesOn: boolean): Promise<EndedSource[]> {
  return (await sourcesNow(link, name)).map(({ queue, position, moved }) => ({
    source: `${name}:${queue}`,
    what: goesOn ? 'goes on' : 'begun',
    tick: position?.tick.id,
    tickAt: timeOf(position?.tick.timeUs),
    moved,
    behind: undefined,
    isRegistered: undefined,
    isSameTick: undefined,
  }));
}

function isSame(ticks: readonly Fingerprint[], tick: Fingerprint): boolean | undefined {
  const twin = ticks.find(({ id }) => id === tick.id);
  return twin && sameTick(twin, tick);
}

const timeOf = (us: number | undefined): string | undefined =>
  us === undefined ? undefined : new Date(us / 1_000).toISOString();

/** What speaks against it. */
export function faultsOf(rows: readonly EndedSource[], { isCut }: { readonly isCut: boolean }): string[] {
  return rows.flatMap(({ source, what, behind, isRegistered, isSameTick }) => {
    if (what !== 'ended') return [];
    return [
      ...(isRegistered ? [`${source}: our consumer is still registered on the shard: run this again.`] : []),
      ...(isSameTick === false
        ? [`${source}: the shard has another tick of the number at which it ended: it is another database.`]
        : []),
      ...(behind === undefined || behind === 0 || isCut
        ? []
        : [
            `${source}: ${behind} events came in after its end, and will not be moved: see to its producers.`,
          ]),
    ];
  });
}
