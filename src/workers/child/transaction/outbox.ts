// What one call of the handler sends: checked when it is sent, kept until the call has ended, inserted in bulk.
import type { PublishedMessage } from '../../../channels/message.ts';
import type { OriginColumn } from '../../../config/config.ts';
import { nearest } from '../../../config/nearest.ts';
import { TributaryError } from '../../../errors/tributary-error.ts';
import type { SentEvent } from '../../../handler/contract.ts';
import type { BatchEvent } from '../../../handler/event.ts';
import { sentFrom } from '../../../handler/origin.ts';
import { isEventObject, jsonText } from '../../../queue/json-text.ts';

/** The central queues of the file, each with the column that takes the origin, and the expression of its unique key. */
export type CentralQueues = Readonly<
  Record<string, OriginColumn | { readonly origin: OriginColumn; readonly uniqueKey: string }>
>;

const FIELDS = ['type', 'data', 'extra1', 'extra2', 'extra3', 'extra4'] as const;
type Fields = Partial<Record<(typeof FIELDS)[number], string | null>>;

/** How long an event waits before it goes into its queue, or until when, in ms since 1970. */
export interface Delay {
  readonly afterMs?: number;
  readonly atMs?: number;
}

interface Sent {
  readonly queue: string;
  readonly event: Fields;
  readonly delay: Delay | undefined;
  readonly uniqueKey: string | undefined;
  readonly characters: number;
  readonly from: BatchEvent;
}

/** Events of one queue for one statement. */
export interface Sending {
  readonly queue: string;
  readonly events: readonly Fields[];
  /** One for each event; absent: they go in at once. */
  readonly delays?: readonly Delay[];
  /** Of the queue; absent: it has none. */
  readonly uniqueKey?: string | undefined;
}

/** Most events, and most characters, of one statement; a single event may be larger. */
const EVENTS_A_STATEMENT = 2_000;
const MOST_CHARACTERS = 8_000_000;

export class Outbox {
  readonly #centralQueues: CentralQueues;
  #sent: Sent[] = [];
  #published: { readonly message: PublishedMessage; readonly from: BatchEvent }[] = [];
  #characters = 0;

  constructor(centralQueues: CentralQueues) {
    this.#centralQueues = centralQueues;
  }

  /** How many events, and messages on channels. */
  get size(): number {
    return this.#sent.length + this.#published.length;
  }

  /** How much text they hold. */
  get characters(): number {
    return this.#characters;
  }

  /** @throws where the queue is not known or an event cannot be inserted as it is; none of them is sent then. */
  add(
    queue: string,
    events: SentEvent | readonly SentEvent[],
    { from, delay }: { readonly from: BatchEvent; readonly delay?: Delay | undefined },
  ): void {
    const { origin: column, uniqueKey } = this.#queueOf(queue);
    // Where keys are unique the run that delivers decides about them.
    const wait = uniqueKey === undefined ? delay : (delay ?? { afterMs: 0 });
    const origin = sentFrom(from.origin);
    const list = isList(events) ? events : [events];
    const all = list.map((event) => fieldsOf(event, { queue, column, origin }));
    for (const event of all) {
      const characters = FIELDS.reduce((sum, field) => sum + (event[field]?.length ?? 0), 0);
      this.#sent.push({ queue, event, delay: wait, uniqueKey, characters, from });
      this.#characters += characters;
    }
  }

  /** For browsers that listen to the channel. */
  publish(message: PublishedMessage, from: BatchEvent): void {
    this.#published.push({ message, from });
    this.#characters += message.data.length;
  }

  /** The part of it that comes from some events. */
  only(isMeant: (event: BatchEvent) => boolean): Outbox {
    const outbox = new Outbox(this.#centralQueues);
    outbox.#sent = this.#sent.filter(({ from }) => isMeant(from));
    outbox.#published = this.#published.filter(({ from }) => isMeant(from));
    outbox.#characters =
      outbox.#sent.reduce((sum, { characters }) => sum + characters, 0) +
      outbox.#published.reduce((sum, { message }) => sum + message.data.length, 0);
    return outbox;
  }

  /** In the order in which they were sent. */
  sendings(): Sending[] {
    return sendingsOf(this.#sent);
  }

  /** The sendings of several outboxes, in their order. */
  static sendings(outboxes: readonly Outbox[]): Sending[] {
    return sendingsOf(outboxes.flatMap((outbox) => outbox.#sent));
  }

  /** In the order in which they were published. */
  static messages(outboxes: readonly Outbox[]): PublishedMessage[] {
    return outboxes.flatMap((outbox) => outbox.#published.map(({ message }) => message));
  }

  #queueOf(queue: string): { readonly origin: OriginColumn; readonly uniqueKey?: string } {
    const names = Object.keys(this.#centralQueues);
    const found = names.includes(queue) ? this.#centralQueues[queue] : undefined;
    if (found !== undefined) return typeof found === 'string' ? { origin: found } : found;
    const meant = nearest(String(queue), names);
    throw mistake(
      `There is no central queue ${String(queue)} in the file to send to.`,
      meant === undefined ? `There are: ${names.join(', ')}.` : `Did you mean ${meant}?`,
    );
  }
}

const SEND = 'select tributary.send($1, $2, $3, $4, $5, $6, $7) as xid';

const SEND_DELAYED = 'select tributary.send_delayed($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)';

/** The statement that inserts it, and its values. */
export function sendCall({ queue, events, delays, uniqueKey }: Sending): { text: string; values: unknown[] } {
  const fields = FIELDS.map((field) => events.map((event) => event[field] ?? null));
  if (delays === undefined) return { text: SEND, values: [queue, ...fields] };
  const times = [delays.map(({ atMs }) => atMs ?? null), delays.map(({ afterMs }) => afterMs ?? null)];
  return { text: SEND_DELAYED, values: [queue, ...times, ...fields, uniqueKey ?? null] };
}

function sendingsOf(sent: readonly Sent[]): Sending[] {
  const open = new Map<string, { events: Fields[]; delays: Delay[]; characters: number }>();
  const sendings: Sending[] = [];
  for (const { queue, event, delay, uniqueKey, characters } of sent) {
    const key = `${delay === undefined ? 'now' : 'later'} ${queue}`;
    let current = open.get(key);
    const isFull =
      current !== undefined &&
      (current.events.length >= EVENTS_A_STATEMENT || current.characters + characters > MOST_CHARACTERS);
    if (current === undefined || isFull) {
      current = { events: [], delays: [], characters: 0 };
      open.set(key, current);
      const { events, delays } = current;
      sendings.push(delay === undefined ? { queue, events } : { queue, events, delays, uniqueKey });
    }
    current.events.push(event);
    if (delay !== undefined) current.delays.push(delay);
    current.characters += characters;
  }
  return sendings;
}

function fieldsOf(
  event: SentEvent,
  { queue, column, origin }: { queue: string; column: OriginColumn; origin: string },
): Fields {
  if (!isEventObject(event))
    throw mistake('`send` takes an event such as `{ type, data }`, or an array of them.');
  for (const name of Object.keys(event)) {
    if (FIELDS.some((field) => field === name)) continue;
    throw mistake(
      `\`${name}\` is no field of an event that is sent.`,
      `There are ${FIELDS.join(', ')}; whatever else belongs into \`data\`.`,
    );
  }
  if (column !== 'none' && event[column] != null) {
    throw mistake(
      `\`${column}\` of an event in queue ${queue} carries its origin and cannot be set.`,
      'Use another field.',
    );
  }
  const fields: Fields = { data: textOf(event.data) };
  for (const name of FIELDS) {
    const value = name === 'data' ? fields.data : event[name];
    if (value == null) continue;
    if (typeof value !== 'string') throw mistake(`\`${name}\` of an event that is sent must be text.`);
    if (value.includes('\0')) {
      throw mistake(
        `\`${name}\` of an event that is sent holds the character 0.`,
        'PostgreSQL cannot keep it.',
      );
    }
    fields[name] = value;
  }
  if (column !== 'none') fields[column] = origin;
  return fields;
}

function textOf(data: unknown): string | null {
  if (data === undefined || data === null) return null;
  if (typeof data === 'string') return data;
  const json = jsonText(data);
  if ('fault' in json) throw mistake(`\`data\` of an event that is sent ${json.fault}.`);
  return json.text;
}

const isList = (events: SentEvent | readonly SentEvent[]): events is readonly SentEvent[] =>
  Array.isArray(events);

const mistake = (what: string, remedy?: string): TributaryError =>
  new TributaryError(what, {
    code: 'handler-send',
    kind: 'halting',
    ...(remedy === undefined ? {} : { remedy }),
  });
