// Traces an event from its origin: on its shard, by the positions that moved it, and to its row on central.
//
// Order: its shard · positions · the commit that brought it · its handling. Where it is not on central: refused, left out, not
// moved yet, or no longer there.
import type { Config } from '../../config/config.ts';
import { nearest } from '../../config/nearest.ts';
import { TributaryError } from '../../errors/tributary-error.ts';
import { type CentralTracer, inQueue } from './central-trace.ts';
import { readFailedId, readRefused } from './deaths.ts';
import { judgeDelayed, readDelayed, readDeliveries } from './delayed.ts';
import type { FoundEvent } from './find-event.ts';
import { judgeAbsent, judgeOnShard } from './judge.ts';
import { type Moves, readArrival, readMoves, readTracedSource, type TracedSource } from './moved.ts';
import { type EventOnShard, lookOnShard } from './on-shard.ts';
import type { ShardReference } from './reference.ts';
import { originColumn } from './sent.ts';
import type { Trace, TracedCopy, TracedMove, TracedOnShard } from './shape.ts';

/** @throws misconfigured where central knows no such source. */
export async function traceFromShard(tracer: CentralTracer, reference: ShardReference): Promise<Trace> {
  const { connection, its } = tracer;
  const { config, withData } = its;
  const source = await readTracedSource(connection, reference.shard, reference.queue);
  if (source === undefined) throw unknownSource(reference, config);
  const { id } = reference;
  const shard = config.shards.find(({ name }) => name === source.shard);
  const applicationName = `tributary trace ${config.name}`;
  const look: EventOnShard =
    shard === undefined
      ? { kind: 'failed', reason: `Shard ${source.shard} is not in ${config.file}, so it was not asked.` }
      : await lookOnShard(shard, { queue: source.queue, id, withData, applicationName });
  const shardEvent = look.kind === 'seen' ? look.look.event : undefined;
  const moves = await movesOf(tracer, source, { id, event: shardEvent });
  const onShard =
    shardEvent === undefined ? null : { ...inQueue(shardEvent, source.queue), shard: source.shard };
  const base = { onShard, shardEvent, notes: look.kind === 'failed' ? [look.reason] : [] };
  // Where it is known which tick saw it, the one candidate is the commit that moved it.
  const move = shardEvent === undefined ? null : (moves.candidates[0] ?? null);
  const traces: Trace[] = [];
  for (const centralQueue of routesOf(source)) {
    const found = await traceInto(tracer, { ...source, centralQueue }, { ...base, id, moves, move });
    if (found !== undefined) traces.push(found);
  }
  const [trace, ...others] = traces;
  if (trace === undefined) return await notOnCentral(tracer, source, { ...base, id, look, move, moves });
  return others.length === 0 ? trace : { ...trace, copies: others.map(copyOf) };
}

/** What is known of the event in one of the central queues of its source; undefined: nothing. */
async function traceInto(
  tracer: CentralTracer,
  source: TracedSource,
  { id, moves, move, ...base }: OnItsWay,
): Promise<Trace | undefined> {
  const queue = source.centralQueue;
  const { onShard, shardEvent } = base;
  const arrival = await arrivalOf(tracer, source, { id, moves });
  if (arrival !== undefined) {
    const seen = await tracer.look({ queue, id: arrival.id });
    return tracer.trace({ ...base, seen, queue, move: arrival.move });
  }
  const waiting = await delayedOf(tracer, source, { id, moves });
  if (waiting !== undefined) {
    const nothing = { central: null, tries: [], retry: null, dead: null, sent: [] };
    const payload = tracer.payload(routesOf(source), shardEvent, { isOnShard: true });
    const rest = { origin: labelOf(source, id), shard: onShard, ...nothing, payload, notes: base.notes };
    return { ...rest, ...waiting };
  }
  const failedId = await readFailedId(tracer.connection, queue, originsOf(source, id));
  if (failedId === undefined) return await refusedFor(tracer, source, { ...base, id, moves, move });
  const seen = await tracer.look({ queue, id: failedId, origin: labelOf(source, id) });
  return tracer.trace({ ...base, seen, queue, move });
}

/** The trace of an event that its central queue did not take; undefined: none is known. */
async function refusedFor(
  tracer: CentralTracer,
  source: TracedSource,
  { id, move, notes, onShard, shardEvent }: OnItsWay,
): Promise<Trace | undefined> {
  const queue = source.centralQueue;
  const dead = await readRefused(tracer.connection, queue, originsOf(source, id));
  if (dead === undefined) return undefined;
  const isDead = dead.redrivenAt === null;
  const by = source.routes === undefined ? 'Central' : `Central queue ${queue}`;
  const summary = isDead
    ? `${by} did not take it: ${dead.error.replace(/[.\s]+$/, '')}. \`tributary dead show ${dead.id}\` shows it.`
    : `${by} did not take it at first; \`tributary dead retry\` stored it at ${dead.redrivenAt}.`;
  return {
    ...{ origin: labelOf(source, id), shard: onShard, move, dead, notes, summary },
    ...{
      state: isDead ? ('dead' as const) : ('forwarded' as const),
      central: null,
      tries: [],
      retry: null,
      sent: [],
    },
    payload: tracer.payload(routesOf(source), shardEvent, { isOnShard: true }),
  };
}

const copyOf = ({ central, state, summary }: Trace): TracedCopy => ({
  queue: central?.queue ?? null,
  id: central?.id ?? null,
  state,
  summary,
});

async function movesOf(
  { connection }: CentralTracer,
  { id: source }: TracedSource,
  { id, event }: { readonly id: number; readonly event: FoundEvent | undefined },
): Promise<Moves> {
  const moves = await readMoves(connection, source, { id, seenBy: event?.seenBy?.id });
  return event !== undefined && event.seenBy === undefined ? { ...moves, candidates: [] } : moves;
}

async function arrivalOf(
  { connection, its: { config, queues } }: CentralTracer,
  source: TracedSource,
  { id, moves }: { readonly id: number; readonly moves: Moves },
) {
  const column = originColumn(config, source.centralQueue);
  const table = queues.get(source.centralQueue)?.eventTable;
  if (column === undefined || table === undefined) return undefined;
  const { candidates } = moves;
  const [origins, name] = [originsOf(source, id), source.centralQueue];
  const arrival = await readArrival(connection, { table, column, origins, moves: candidates });
  const [first] = candidates;
  if (arrival !== undefined || first === undefined || !isDelaying(config, name)) return arrival;
  // It may have waited for its time: then another transaction put it into the queue.
  const [delayed] = await readDelayed(connection, {
    ...{ queue: name, column, origins, most: 1 },
    transactions: transactionsOf(moves),
  });
  if (delayed !== undefined && delayed.fate !== 'gone') return undefined;
  const deliveries =
    delayed?.delivery === undefined ? await readDeliveries(connection, name, first.at) : [delayed.delivery];
  const move = candidates.find(({ transaction }) => transaction === delayed?.transaction) ?? first;
  const as = deliveries.map((transaction) => ({ ...move, transaction }));
  const later = await readArrival(connection, { table, column, origins, moves: as });
  return later === undefined ? undefined : { id: later.id, move };
}

/** What becomes of one that waits for its time, or was cancelled; undefined: neither. */
async function delayedOf(
  { connection, its: { config, report } }: CentralTracer,
  source: TracedSource,
  { id, moves }: { readonly id: number; readonly moves: Moves },
): Promise<Pick<Trace, 'state' | 'summary' | 'move'> | undefined> {
  const queue = source.centralQueue;
  const column = originColumn(config, queue);
  if (column === undefined) return undefined;
  const wanted = {
    queue,
    column,
    origins: originsOf(source, id),
    transactions: transactionsOf(moves),
    most: 1,
  };
  const [delayed] = await readDelayed(connection, wanted);
  if (delayed === undefined) return undefined;
  const move = moves.candidates.find(({ transaction }) => transaction === delayed.transaction) ?? null;
  return { ...judgeDelayed(delayed, { queue, now: report.at.toISOString() }), move };
}

const isDelaying = ({ queues }: Config, queue: string): boolean =>
  queues.some(
    ({ name, deliverAt, unique }) => name === queue && (deliverAt !== undefined || unique !== undefined),
  );

const transactionsOf = ({ candidates }: Moves): string[] =>
  candidates.flatMap(({ transaction }) => (transaction === null ? [] : [transaction]));

interface OnItsWay {
  readonly id: number;
  readonly moves: Moves;
  readonly move: TracedMove | null;
  readonly onShard: TracedOnShard | null;
  readonly shardEvent: FoundEvent | undefined;
  readonly notes: readonly string[];
}

interface NotArrived extends OnItsWay {
  readonly look: EventOnShard;
}

async function notOnCentral(
  tracer: CentralTracer,
  source: TracedSource,
  { id, look, move, moves, notes, onShard, shardEvent }: NotArrived,
): Promise<Trace> {
  const { config, report } = tracer.its;
  const label = labelOf(source, id);
  const queue = source.centralQueue;
  const nothing = { central: null, tries: [], retry: null, dead: null, sent: [] };
  const payload = tracer.payload(routesOf(source), shardEvent, { isOnShard: true });
  const rest = { origin: label, shard: onShard, ...nothing, move, payload, notes };
  const lag = report.sources.find((one) => one.shard === source.shard && one.queue === source.queue);
  const isUnmoved = moves.candidates.length === 0;
  if (look.kind === 'failed' && isUnmoved) {
    const reason = lag?.reason === undefined ? '' : ` ${lag.reason}`;
    const summary = `If there is such an event, it was not moved: ${source.shard}:${source.queue} is moved up to about id ${moves.movedTo}.${reason}`;
    return { ...rest, state: 'waiting', summary };
  }
  if (look.kind === 'seen' && (isUnmoved || shardEvent === undefined) && isSaidByShard(look, id)) {
    const facts = { label, shard: source.shard, queue: source.queue, id, lag, movedTo: moves.movedTo };
    return { ...rest, ...judgeOnShard({ ...facts, look: look.look }) };
  }
  const verdict = judgeAbsent({
    ...{ label, queue, positionsFrom: moves.keptFrom, move: move ?? undefined },
    shardFrom: look.kind === 'seen' ? look.look.oldest?.at : undefined,
    centralFrom: (await tracer.find(queue, id))?.oldest?.at,
    hasWhere: config.queues.some(({ name, where }) => name === queue && where !== undefined),
    hasOrigins: routesOf(source).every((one) => originColumn(config, one) !== undefined),
    hasDelays: routesOf(source).some((one) => isDelaying(config, one)),
    routes: source.routes,
  });
  return { ...rest, ...verdict };
}

const routesOf = ({ centralQueue, routes = [centralQueue] }: TracedSource): readonly string[] => routes;

/** The shard has the event, or can tell that there is none. */
const isSaidByShard = ({ look }: EventOnShard & { readonly kind: 'seen' }, id: number): boolean =>
  look.event !== undefined || look.isKept || id > look.lastId;

const labelOf = ({ shard, queue }: TracedSource, id: number): string => `${shard}:${queue}:${id}`;

const originsOf = ({ names, queue }: TracedSource, id: number): string[] =>
  names.map((name) => `${name}:${queue}:${id}`);

function unknownSource({ shard, queue }: ShardReference, { file, queues, shards }: Config): TributaryError {
  const names = shards.map(({ name }) => name);
  const isShard = names.includes(shard);
  const all = isShard ? queues.flatMap(({ from }) => from) : names;
  const meant = nearest(isShard ? queue : shard, all);
  const what = isShard
    ? `Central knows no source queue ${queue} on shard ${shard}`
    : `Central knows no shard ${shard}, and ${file} names none`;
  return new TributaryError(`${what}${meant === undefined ? '' : `: did you mean ${meant}?`}`, {
    code: 'unknown-name',
    kind: 'misconfigured',
  });
}
