// What the page asks for by hand: a source, a queue, its history, dead events, the logbook.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { CentralPool } from '../../central/central-pool.ts';
import { groupDead, readDead } from '../../central/dead.ts';
import { readActions, readHappenings, readQueueHistory } from '../../central/logbook/read.ts';
import { readSourceTrack } from '../../central/logbook/source.ts';
import type { Config } from '../../config/config.ts';
import { redact } from '../../config/redaction.ts';
import { queueOf, workedIn, workName } from '../../config/worked.ts';
import { readSlots } from '../../coordination/slots.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { fedBy } from '../../observability/lag/report.ts';
import { readDelivered } from '../../observability/metrics/delivered.ts';
import { traceOf } from '../../observability/trace/trace.ts';
import type { LagView } from '../lag-view.ts';
import type { ShardView } from '../shard-view.ts';
import { type Asking, Refusal } from './asking.ts';
import { HISTORY_SPANS, historyOf } from './history.ts';
import { readInput } from './input.ts';
import type { OperatorAction, QueueDetail, SourceDetail, SourceOnShard } from './state.ts';

export interface AnswerParts {
  readonly config: Config;
  readonly pool: CentralPool;
  readonly view: Pick<LagView, 'report'>;
  readonly shards: Pick<ShardView, 'held'>;
  readonly asking: Asking;
}

const NAME = z.string().min(1).max(200);
const SOURCE = z.object({ shard: NAME, queue: NAME });
const QUEUE = z.object({ name: NAME });
const HISTORY = z.object({ queue: NAME, span: z.enum(['1h', '24h']).default('1h') });
const SAMPLE = z.object({ queue: NAME, id: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER) });
const TRACE = z.object({
  origin: z.string().min(1).max(2_000),
  queue: NAME.optional(),
  data: z.enum(['1']).optional(),
});
const ACTIONS_SHOWN = 200;
const POSITIONS_SHOWN = 30;
const MARKS_SHOWN = 500;
/** Dead events that are looked at, and groups of them that are shown. */
const DEAD = { among: 50_000, limit: 200 };
/** Longer texts of an event are cut. */
const TEXT_SHOWN = 20_000;

export function addAnswers(app: FastifyInstance, { config, pool, view, shards, asking }: AnswerParts): void {
  const options = { timeoutMs: TIMING.http.centralMs };
  const get = <T>(
    path: string,
    schema: z.ZodType<T>,
    answer: (input: T) => Promise<unknown>,
    keptMs: number = TIMING.http.answerKeptMs,
  ) =>
    app.get(path, async (request) => {
      const input = readInput(schema, request.query);
      return await asking.shared(`${path} ${JSON.stringify(input)}`, keptMs, () => answer(input));
    });

  get('/api/source', SOURCE, async (source): Promise<SourceDetail> => {
    const { sources } = await view.report();
    const found = sources.find(({ shard, queue }) => shard === source.shard && queue === source.queue);
    if (found === undefined) throw new Refusal(404, `There is no source ${source.shard}:${source.queue}.`);
    const centralQueues = fedBy(found);
    const works = workedIn(config).flatMap(({ name, queue }) =>
      centralQueues.includes(queue) ? [name] : [],
    );
    const track = await readSourceTrack(pool, { ...source, works, limit: POSITIONS_SHOWN }, options);
    const { byQueue } = await pool.use((central) => readDelivered(central, options.timeoutMs));
    return {
      ...{ shard: found.shard, queue: found.queue, centralQueues, state: found.state },
      handledBy: works.map((name) => ({ name, delivered: byQueue.get(name)?.medianSeconds ?? null })),
      reason: found.reason ?? null,
      age: found.secondsBehind ?? null,
      unmoved: found.eventsBehind ?? null,
      moved: found.moved,
      mover: found.mover ?? null,
      provider: found.provider ?? null,
      ...track,
    };
  });

  // Not by way of `asking`, which is for central: a shard that does not answer keeps nobody waiting who asks for something else.
  app.get('/api/source/shard', async (request): Promise<SourceOnShard> => {
    const { shard, queue } = readInput(SOURCE, request.query);
    const found = config.shards.find(({ name }) => name === shard);
    if (found === undefined || !config.queues.some(({ from }) => from.includes(queue)))
      throw new Refusal(404, `There is no source ${shard}:${queue} in the file.`);
    return await shards.held(found, queue);
  });

  get('/api/queue', QUEUE, async ({ name }): Promise<QueueDetail> => {
    const { central } = await view.report();
    const found = central.find(({ queue }) => queue === name);
    if (found === undefined) throw new Refusal(404, `There is no central queue ${name}.`);
    const slots = await readSlots(pool, name, options);
    return {
      name,
      workers: slots.map((worker) => {
        const batch = found.batches.find((one) => one.slot === worker.slot);
        return {
          ...worker,
          batch:
            batch === undefined
              ? null
              : { done: batch.done, events: batch.events ?? null, seconds: batch.seconds },
        };
      }),
    };
  });

  const history = async ({ queue, span }: z.infer<typeof HISTORY>) => {
    mustHave(config, queue);
    const { stepS, ...wanted } = HISTORY_SPANS[span];
    const steps = await readQueueHistory(pool, { queue, ...wanted }, options);
    const limits = { queue, span: wanted.span, limit: MARKS_SHOWN };
    return historyOf(steps, await readHappenings(pool, limits, options), stepS);
  };
  get('/api/history', HISTORY, history, TIMING.http.historyKeptMs);

  get('/api/log', z.object({}), async (): Promise<OperatorAction[]> => {
    const actions = await readActions(pool, ACTIONS_SHOWN, options);
    return actions.map(({ at, who, via, what }) => ({ at, who, from: via, what }));
  });

  get('/api/trace', TRACE, ({ origin, queue, data }) =>
    traceOf(origin, {
      ...{ config, central: pool, queue, withData: data === '1' },
      report: () => view.report(),
    }),
  );

  get('/api/dead', z.object({}), () => groupDead(pool, DEAD));

  get('/api/dead/sample', SAMPLE, async ({ queue, id }) => {
    const event = await readDead(pool, id);
    if (event === undefined || workName(event.queue, event.group ?? undefined) !== queue)
      throw new Refusal(404, `There is no dead event ${id} of ${queue} any more.`);
    return Object.fromEntries(
      Object.entries(redact(config, event.queue, event)).map(([name, value]) => [name, cut(value)]),
    );
  });
}

/** The queue of that name, or that has the group of that name. */
export function mustHave(config: Config, name: string): Config['queues'][number] {
  const queue = queueOf(config, name);
  if (queue === undefined) throw new Refusal(404, `There is no central queue ${name} in the file.`);
  return queue;
}

const cut = (value: unknown): unknown =>
  typeof value === 'string' && value.length > TEXT_SHOWN
    ? `${value.slice(0, TEXT_SHOWN)}… (${value.length.toLocaleString('en-US')} characters in all)`
    : value;
