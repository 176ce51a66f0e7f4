// What the page may change, by the functions that the commands have: pauses, workers, dead events.
//
// Invariant: nothing is changed unless the file allows it, and nothing without a note of who did it.

import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { CentralPool } from '../../central/central-pool.ts';
import { countDead, type DeadFilter, pageDead } from '../../central/dead.ts';
import { discardNoted, type MeantDead, retryNoted } from '../../central/logbook/dead-actions.ts';
import { noted, type Operator } from '../../central/logbook/note.ts';
import { pauseSources, resumeSources } from '../../central/pause.ts';
import type { Config } from '../../config/config.ts';
import { MOST_WORKERS } from '../../config/sections/handling.ts';
import { type Worked, workedIn } from '../../config/worked.ts';
import { replaceWorkers, scaleQueue } from '../../coordination/scaling.ts';
import { shellWord } from '../../errors/shell-word.ts';
import { counted } from '../../errors/words.ts';
import { plain } from '../../lifecycle/plain.ts';
import { groupName } from '../../queue/names.ts';
import { mustHave } from './answers.ts';
import { type Asking, Refusal } from './asking.ts';
import { readInput } from './input.ts';
import { operatorOf } from './operator.ts';
import type { Retries } from './retries.ts';

export interface ActionParts {
  readonly config: Config;
  readonly pool: CentralPool;
  readonly asking: Asking;
  readonly retries: Retries;
  readonly signal: AbortSignal;
}

const MOST_BODY_BYTES = 8_192;
const NAME = z.string().min(1).max(200);
const WHICH = z.strictObject({ shard: NAME.optional(), queue: NAME.optional() });
const PAUSE = WHICH.extend({ reason: z.string().max(500).optional() });
const SCALE = z.strictObject({ queue: NAME, workers: z.int().min(0).max(MOST_WORKERS) });
const RELOAD = z.strictObject({ queue: NAME });
const DEAD = z.strictObject({
  queue: NAME,
  kind: z.enum(['poison', 'handler', 'killed', 'conflict']),
  error: z.string().max(1_000),
});
/** One as a trial, or a few; without a count all of them, a second so many. */
const MOST_AT_ONCE = 100;
const RETRY = DEAD.extend({
  count: z.int().min(1).max(MOST_AT_ONCE).optional(),
  perSecond: z.number().positive().max(1_000).default(50),
});
const STOP = z.strictObject({ id: z.uuid() });
const DISCARD = DEAD.extend({ count: z.int().min(1) });

type Act<T> = (input: T, operator: Operator) => Promise<string>;

export function addActions(app: FastifyInstance, parts: ActionParts): void {
  const { config, pool, asking, retries, signal } = parts;
  const userHeader = config.http?.userHeader;
  const group = groupName(config);
  const post = <T>(path: string, schema: z.ZodType<T>, act: Act<T>) =>
    app.post(path, { bodyLimit: MOST_BODY_BYTES }, async (request: FastifyRequest) => {
      if (config.http?.actions !== true)
        throw new Refusal(
          403,
          'Nothing can be changed here: the file does not say `http: { actions: true }`.',
        );
      const input = readInput(schema, request.body);
      const operator = operatorOf(request, userHeader);
      try {
        return { said: await asking.ask(() => act(input, operator)) };
      } finally {
        asking.forget();
      }
    });

  post('/api/pause', PAUSE, async ({ reason, ...selection }, operator) => {
    mustName(selection);
    const why = reason === undefined ? undefined : plain(reason).trim() || undefined;
    const { changed } = await pauseSources(pool, { config, selection, reason: why, operator });
    return `Paused ${counted(changed.length, 'source')}.`;
  });

  post('/api/resume', WHICH, async (selection, operator) => {
    mustName(selection);
    const { meant, changed } = await resumeSources(pool, { config, selection, operator });
    const halted = meant.filter(({ haltReason }) => haltReason !== undefined);
    const [first] = halted;
    const rest =
      first === undefined
        ? ''
        : ` ${counted(halted.length, 'source')} ${halted.length === 1 ? 'is' : 'are'} halted: \`tributary repair ${shellWord(`${first.shard}:${first.queue}`)} --dry-run\` shows the ways on.`;
    if (changed.length === 0 && first !== undefined) throw new Refusal(409, `Nothing was resumed.${rest}`);
    return `Resumed ${counted(changed.length, 'source')}.${rest}`;
  });

  post('/api/scale', SCALE, async ({ queue, workers: wanted }, operator) => {
    const { handler, apply, lanes } = mustBeWorked(config, queue);
    if (lanes !== undefined && wanted > lanes.count)
      throw new Refusal(
        409,
        `Queue ${queue} has ${counted(lanes.count, 'lane')}, and one worker at a time has a lane.`,
      );
    if (wanted > 1 && apply !== undefined && lanes === undefined)
      throw new Refusal(
        409,
        `Queue ${queue} applies changes to tables, by one worker, which keeps them in their order: for more it needs \`lanes\` in the file.`,
      );
    if (wanted > 0 && handler === undefined && apply === undefined)
      throw new Refusal(409, `Queue ${queue} has no \`handler:\` in the file.`);
    const { before, now } = await scaleQueue(pool, { queue, wanted, operator });
    return `${queue}: ${before?.wanted ?? 0} → ${counted(now, 'worker')}.`;
  });

  post('/api/reload-workers', RELOAD, async ({ queue }, operator) => {
    mustBeWorked(config, queue);
    await replaceWorkers(pool, { queues: [queue], operator });
    return `The workers of ${queue} are being replaced, one after the other.`;
  });

  post('/api/dead/retry', RETRY, async ({ count, perSecond, ...which }, operator) => {
    const { events, meant } = await deadMeant(parts, which, operator);
    if (count === undefined) {
      await retries.begin(which, meant, { events, perSecond });
      return `${counted(events, 'dead event')} will be retried, ${perSecond} a second.`;
    }
    const page = await pageDead(pool, meant.filter, { after: 0, limit: count });
    const ids = page.map(({ id }) => id);
    const words = `${counted(ids.length, 'dead event')} of ${which.queue} (${which.kind})`;
    const result = await retryNoted(
      pool,
      { ...meant, filter: { ...meant.filter, ids }, words },
      { group, perSecond: undefined, signal },
    );
    if (result.retried === 0)
      throw new Refusal(
        409,
        `None was retried: ${result.waiting > 0 ? 'an event with the same id waits for its retry' : result.refused > 0 ? 'central refused it once more' : 'only the first part of the event was kept'}.`,
      );
    return `${counted(result.retried, 'dead event')} handed out again.`;
  });

  post('/api/dead/retry/stop', STOP, async ({ id }, operator) => {
    const stopped = await retries.stop(id);
    if (stopped === undefined) throw new Refusal(409, 'No such retry is under way: it has ended.');
    const { done, events, host, kind, queue, what } = stopped;
    const how = `${done.toLocaleString('en-US')} of ${counted(events, 'dead event')}`;
    await noted(pool, operator, async () => ({
      result: undefined,
      note: {
        kind: 'dead-retry',
        ...(queue === null ? {} : { queues: [queue] }),
        what: `stopped a retry of ${what ?? `${queue} (${kind})`} after ${how}.`,
      },
    }));
    return `Host ${host} stopped after ${how}: the others are as before.`;
  });

  post('/api/dead/discard', DISCARD, async ({ count, ...which }, operator) => {
    const { events, meant } = await deadMeant(parts, which, operator);
    if (events !== count)
      throw new Refusal(
        409,
        `There are ${events.toLocaleString('en-US')} of them now, not ${count}: nothing was discarded.`,
      );
    return `${counted(await discardNoted(pool, meant, signal), 'dead event')} discarded.`;
  });
}

/** @throws Refusal where it has no workers. */
function mustBeWorked(config: Config, name: string): Worked {
  mustHave(config, name);
  const worked = workedIn(config).find((one) => one.name === name);
  if (worked !== undefined) return worked;
  const { groups } = mustHave(config, name);
  throw new Refusal(
    409,
    groups === undefined
      ? `Queue ${name} says \`workers: none\` in the file.`
      : `Queue ${name} has groups: choose one.`,
  );
}

/** All is never meant by leaving everything out. */
function mustName({ shard, queue }: z.infer<typeof WHICH>): void {
  if (shard === undefined && queue === undefined) throw new Refusal(400, 'Name a shard, a queue or both.');
}

/** @throws Refusal where there are none, or no worker could get them. */
async function deadMeant(
  { pool, config }: Pick<ActionParts, 'pool' | 'config'>,
  { queue, kind, error }: z.infer<typeof DEAD>,
  operator: Operator,
): Promise<{ readonly events: number; readonly meant: MeantDead }> {
  const filter: DeadFilter = { work: queue, kind, alike: error };
  const [found] = await countDead(pool, filter, groupName(config));
  if (found === undefined) throw new Refusal(404, 'There are no such dead events any more.');
  if (!found.has_queue || (kind !== 'poison' && !found.has_group))
    throw new Refusal(409, `No worker would handle them: queue ${queue} is not installed any more.`);
  return {
    events: found.events,
    meant: {
      filter: { ...filter, upTo: found.newest },
      queues: [queue],
      words: `${counted(found.events, 'dead event')} of ${queue} (${kind})`,
      operator,
    },
  };
}
