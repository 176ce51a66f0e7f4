// Retires, splits and merges shards: finds what is to be done, does it, and proves it. Each step may be done again: the same command
// goes on where an earlier run ended.
//
// Order: everything is looked at before anything changes; drained; ended on central, with the beginnings of copies in the same
// commit; then what begins is installed. So whatever a new shard has comes behind the last event of the old one.
import type { CentralLink } from '../central/central-link.ts';
import type { Operator } from '../central/logbook/note.ts';
import type { Config, Shard } from '../config/config.ts';
import { counted } from '../errors/words.ts';
import { install } from '../install/install.ts';
import { countEvents, registeredQueues } from '../shards/end-of-queue.ts';
import { type DrainedSource, drain, whyNotEnded } from './drain.ts';
import { type EndingOptions, endAll, unregister } from './ending.ts';
import { openSide, refusal, type ShardSide, sourcesNow } from './side.ts';
import { beginning, findNew, findOld, type NewShard, type OldShard } from './succession.ts';

export interface SuccessionRequest {
  readonly config: Config;
  readonly link: CentralLink;
  readonly consumer: string;
  /** Shards of central that are named first. */
  readonly olds: readonly string[];
  /** Shards of the file; those that are among `olds` go on. */
  readonly news: readonly Shard[];
  /** Only these source queues end; default: all. */
  readonly only?: ReadonlySet<string>;
  /** The servers of `olds` are gone. */
  readonly isGone: boolean;
}

export interface Succession {
  readonly request: SuccessionRequest;
  readonly ends: readonly OldShard[];
  readonly begins: readonly NewShard[];
  /** Connections to those that end or go on. */
  readonly sides: readonly ShardSide[];
}

export interface CarryOutOptions {
  readonly operator: Operator;
  readonly note: EndingOptions['note'];
  readonly isCut: boolean;
  readonly patienceMs: number;
  readonly signal: AbortSignal;
  readonly onLook?: (sources: readonly DrainedSource[]) => void;
}

/** After this many ends that events came before, producers still write. */
const MOST_TRIES = 3;

/** Looks at all that is named; changes nothing. The caller closes what it opened, see `closeAll`. @throws refusals. */
export async function findSuccession(request: SuccessionRequest): Promise<Succession> {
  const { config, link, consumer, olds, news, only, isGone } = request;
  const ends: OldShard[] = [];
  const sides: ShardSide[] = [];
  const goOn = new Set(news.map(({ name }) => name).filter((name) => olds.includes(name)));
  try {
    for (const name of olds) {
      const old = await findOld(link, name, only);
      if (old.sources + old.retired.length === 0) throw refusal(`Central knows no source of shard ${name}.`);
      const refused = isGone ? undefined : whyNotEnded(await sourcesNow(link, name, only));
      if (refused !== undefined) throw refusal(refused);
      refuseOtherEnd(old, goOn.has(name) ? [] : news, only !== undefined);
      if (!goOn.has(name)) ends.push(old);
      if (isGone) continue;
      const queues = new Set([
        ...old.retired.map(({ queue }) => queue),
        ...(await sourcesNow(link, name, only)).map(({ queue }) => queue),
      ]);
      sides.push(await openSide(inFile(config, name), { consumer, queues: [...queues] }));
    }
    const gone = isGone ? olds.filter((name) => !goOn.has(name)) : [];
    const begins: NewShard[] = [];
    for (const shard of news)
      if (!goOn.has(shard.name)) begins.push(await findNew(shard, { config, link, sides, gone }));
    return { request, ends, begins, sides };
  } catch (error) {
    await closeAll(sides);
    throw error;
  }
}

/** It has ended in another way already, by somebody else. */
function refuseOtherEnd({ name, sources, retired }: OldShard, news: readonly Shard[], isPart: boolean): void {
  const [first] = retired;
  if (sources > 0 || first === undefined || isPart) return;
  const names = news.map((shard) => shard.name).sort();
  if (String([...first.successors].sort()) === String(names)) return;
  const into = first.successors.length === 0 ? '' : ` (${first.successors.join(' and ')} took its place)`;
  throw refusal(
    `Shard ${name} was retired at ${first.at} by ${first.by}${into}, so nothing is left to do with it.`,
  );
}

function inFile({ shards, file }: Config, name: string): Shard {
  const shard = shards.find((one) => one.name === name);
  if (shard !== undefined) return shard;
  throw refusal(
    `Shard ${name} is not in ${file}, so it cannot be looked at, and no mover moves what waits there.`,
    'Put it back until it is retired; or say --gone where its server is gone for good.',
  );
}

export const closeAll = async (sides: readonly ShardSide[]): Promise<void> => {
  await Promise.all(sides.map(({ connection }) => connection.close()));
};

/** How many events wait on those that end, as far as they are counted; a dry run shows it. */
export async function waitingNow({ request, ends, sides }: Succession): Promise<number> {
  let waiting = 0;
  for (const { shard, connection, queues } of sides) {
    if (!ends.some(({ name }) => name === shard.name)) continue;
    for (const { queue: name, position } of await sourcesNow(request.link, shard.name, request.only)) {
      const queue = queues.get(name);
      const behind = queue && (await countEvents(connection, queue, { ...shard, from: position?.tick.id }));
      waiting += behind?.count ?? 0;
    }
  }
  return waiting;
}

/** @throws refusals: each says whether anything was changed. */
export async function carryOut(found: Succession, options: CarryOutOptions): Promise<void> {
  const { request, ends, begins, sides } = found;
  const { config, link, only, isGone } = request;
  const ending = sides.filter(({ shard }) => ends.some(({ name }) => name === shard.name));
  const live = ending.filter(({ shard }) => (ends.find(({ name }) => name === shard.name)?.sources ?? 0) > 0);
  const copies = begins.flatMap((one) => one.copies);
  for (let tries = 1; ; tries += 1) {
    for (const side of sides) {
      const { problems } = await drain(side, { ...options, link, only });
      if (problems.length > 0) throw refusal(problems.join(' '), 'Nothing was changed.');
    }
    const isDone = await endAll(live, {
      ...options,
      link,
      only,
      gone: isGone ? ends.filter(({ sources }) => sources > 0).map(({ name }) => name) : [],
      successors: request.news.map(({ name }) => name),
      begin: copies,
    });
    if (isDone) break;
    if (tries === MOST_TRIES)
      throw refusal(
        `Events still come in on ${live.map(({ shard }) => shard.name).join(' and ')}.`,
        'Nothing was changed. Stop the producers there; or say --cut: then they wait for a moment, and what they write later is left out.',
      );
  }
  for (const side of ending.filter((one) => !live.includes(one))) await finish(found, side, options.isCut);
  const toBegin = begins.map(({ shard }) => beginning(shard));
  if (toBegin.length === 0) return;
  const rows = await install({ ...config, shards: toBegin });
  const mistakes = rows.flatMap((row) => row.mistakes);
  if (mistakes.length > 0)
    throw refusal(
      mistakes.join(' '),
      'What ends has ended; run this again when that is mended: it goes on there.',
    );
}

/** An earlier run ended it on central and came no further: what was written since is left out only where that is said. */
async function finish({ ends, request }: Succession, side: ShardSide, isCut: boolean): Promise<void> {
  const { shard, connection } = side;
  const retired = ends.find(({ name }) => name === shard.name)?.retired ?? [];
  const names = retired.map(({ queue }) => queue);
  const registered = await registeredQueues(connection, names, { ...shard, consumer: side.consumer });
  if (registered.length === 0) return;
  for (const { queue: name, tick } of retired) {
    const queue = side.queues.get(name);
    const behind = queue && tick && (await countEvents(connection, queue, { ...shard, from: tick.id }));
    if (isCut || behind === undefined || behind.count === 0) continue;
    throw refusal(
      `${counted(behind.count, 'event')} came in on ${shard.name}:${name} after its end (tick ${tick?.id}), and will not be moved.`,
      'Our consumer is still registered there. Say --cut to leave them out and unregister it.',
    );
  }
  await connection.script('begin');
  await unregister(side, request.only);
}
