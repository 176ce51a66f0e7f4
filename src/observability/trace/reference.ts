// The event that a text names: an origin as it was pasted, or an id with its central queue. Pure.
import type { Config } from '../../config/config.ts';
import { nearest } from '../../config/nearest.ts';
import { figuredNames, queueOf } from '../../config/worked.ts';
import { TributaryError } from '../../errors/tributary-error.ts';
import { parseOrigin } from '../../handler/origin.ts';

/** An event of a central queue, and where it comes from if the text says so. */
export interface CentralReference {
  readonly kind: 'central';
  readonly queue: string;
  readonly id: number;
}

export interface ShardReference {
  readonly kind: 'shard';
  readonly shard: string;
  readonly queue: string;
  readonly id: number;
}

export type EventReference = CentralReference | ShardReference;

/** How an event without an origin is written, see handler/origin.ts. */
const HERE = '@central';
/** How an event of a schedule is, see sql/tributary/functions/schedules/. */
const SCHEDULE = '@schedule';
/** Ten steps, each with the longest name that a queue can have. */
const LONGEST = 2_000;

/** @param queue of an id; undefined: the text says all. @throws misconfigured where the text names no event. */
export function referenceOf(
  text: string,
  { queues }: Pick<Config, 'queues'>,
  queue: string | undefined,
): EventReference {
  const trimmed = text.trim();
  if (trimmed.length > LONGEST)
    throw mistake(
      `\`${trimmed.slice(0, 40)}…\` is no origin: it has ${trimmed.length.toLocaleString('en-US')} characters.`,
    );
  if (queue !== undefined) {
    const own = centralQueueOf(queue, { queues });
    const id = idOf(trimmed);
    if (id === undefined)
      throw mistake(`\`${trimmed}\` is no event id: with --queue say a number, or leave --queue out.`);
    return { kind: 'central', queue: own, id };
  }
  const origin = parseOrigin(trimmed);
  if (origin !== undefined) {
    const last = origin.steps.at(-1);
    if (last !== undefined) return { kind: 'central', ...last };
    if (origin.shard === SCHEDULE)
      throw mistake(
        `${trimmed} is an event of schedule ${origin.queue}, and such events are found by their id: say --queue NAME and the id.`,
      );
    if (origin.shard === HERE) return { kind: 'central', queue: origin.queue, id: origin.id };
    return { kind: 'shard', shard: origin.shard, queue: origin.queue, id: origin.id };
  }
  const at = trimmed.lastIndexOf(':');
  const [name, id] = [trimmed.slice(0, Math.max(0, at)), idOf(trimmed.slice(at + 1))];
  const named = queueOf({ queues }, name);
  if (id !== undefined && named !== undefined) return { kind: 'central', queue: named.name, id };
  throw mistake(
    idOf(trimmed) === undefined
      ? `\`${trimmed}\` is no origin: paste one such as \`app_017:orders:123\`.`
      : `${trimmed} is the id of an event in which central queue? Say --queue NAME.`,
  );
}

function idOf(text: string): number | undefined {
  const id = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(id) ? id : undefined;
}

/** A central queue by its name, or by that of one of its groups. @throws misconfigured where the file has neither. */
export function centralQueueOf(name: string, config: Pick<Config, 'queues'>): string {
  const found = queueOf(config, name);
  if (found !== undefined) return found.name;
  const names = figuredNames(config);
  const meant = nearest(name, names);
  throw mistake(
    `There is no central queue ${name} in the file: ${meant === undefined ? `there are ${names.join(', ')}` : `did you mean ${meant}?`}`,
  );
}

const mistake = (sentence: string): TributaryError =>
  new TributaryError(sentence, { code: 'unknown-name', kind: 'misconfigured' });
