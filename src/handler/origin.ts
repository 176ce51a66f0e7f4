// Where a central event came from: parses and writes the text in its column, and gives an origin to an event without one.
//
// An event from a shard carries `shard:queue:id`. One that a handler sent carries the origin of the event that it comes
// from, and a `>` behind it; its own place, `queue:id`, is known only where it is read and completes the text there.
import type { Origin, OriginStep } from './contract.ts';

/** Used as the shard's name for an event that was inserted on central. */
const HERE = '@central';
/** A longer origin keeps its root and its last steps only: an event may be sent in circles for ever. */
const MOST_STEPS = 10;
const SENT = '>';

class OriginText implements Origin {
  readonly shard: string;
  readonly queue: string;
  readonly id: number;
  readonly #steps: readonly OriginStep[];

  constructor(
    { shard, queue, id }: Pick<Origin, 'shard' | 'queue' | 'id'>,
    steps: readonly OriginStep[] = [],
  ) {
    this.shard = shard;
    this.queue = queue;
    this.id = id;
    this.#steps = steps;
  }

  get steps(): readonly OriginStep[] {
    return this.#steps;
  }

  toString(): string {
    return [
      `${this.shard}:${this.queue}:${this.id}`,
      ...this.#steps.map(({ queue, id }) => `${queue}:${id}`),
    ].join(SENT);
  }

  toJSON(): string {
    return this.toString();
  }
}

/**
 * @param here the event's place on central, the last step of one that was sent.
 * @returns undefined for a text that is no origin. A queue's name may hold colons, a shard's may not.
 */
export function parseOrigin(text: string | null, here?: OriginStep): Origin | undefined {
  if (text === null) return undefined;
  const isSent = text.endsWith(SENT);
  // A name may hold the sign as well; behind the digits of an id it can only be ours.
  const [root = '', ...way] = (isSent ? text.slice(0, -1) : text).split(/(?<=:\d+)>/);
  const start = placeOf(root);
  const first = start?.queue.indexOf(':') ?? -1;
  const steps = way.map(placeOf);
  if (start === undefined || first < 1 || first === start.queue.length - 1) return undefined;
  if (!steps.every((step) => step !== undefined)) return undefined;
  if (isSent && here !== undefined) steps.push(here);
  const shard = start.queue.slice(0, first);
  return new OriginText(
    { shard, queue: start.queue.slice(first + 1), id: start.id },
    steps.slice(-MOST_STEPS),
  );
}

/** The origin of an event that has none: its place on central, which is as unique. */
export function originHere({ queue, id }: OriginStep): Origin {
  return new OriginText({ shard: HERE, queue, id });
}

/** What the column of an event carries that comes from the event of this origin. */
export function sentFrom(origin: Origin): string {
  return `${origin}${SENT}`;
}

function placeOf(text: string): OriginStep | undefined {
  const at = text.lastIndexOf(':');
  const digits = text.slice(at + 1);
  const id = Number(digits);
  if (at < 1 || !/^\d+$/.test(digits) || !Number.isSafeInteger(id)) return undefined;
  return { queue: text.slice(0, at), id };
}
