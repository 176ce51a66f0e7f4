// What may be published: names of channels, what browsers listen for, and the JSON that they get. Pure.
import { TributaryError } from '../errors/tributary-error.ts';
import { jsonText } from '../queue/json-text.ts';

/** As it is stored. */
export interface PublishedMessage {
  readonly channel: string;
  /** Undefined: `message`, as browsers call what has no name. */
  readonly type: string | undefined;
  /** JSON. */
  readonly data: string;
}

const MOST_CHANNEL_CHARACTERS = 200;
const MOST_TYPE_CHARACTERS = 100;
/** What is larger belongs into a table: then the message says where. */
const MOST_DATA_BYTES = 65_536;

/** Of ours: a browser missed something, and what an `EventSource` calls its own events. */
const RESERVED_TYPES = ['reset', 'progress', 'result', 'open', 'error'];

/** What the answer to a call is called. */
export const RESULT_TYPE = 'result';

/** What progress is called, which is published while the handler runs. */
const PROGRESS_TYPE = 'progress';

/** @returns what is wrong with the name, as the end of a sentence; undefined: nothing. */
export function faultOfChannel(channel: unknown): string | undefined {
  if (typeof channel !== 'string' || channel === '') return 'must be a text such as `order:42`';
  if (channel.length > MOST_CHANNEL_CHARACTERS) return `is longer than ${MOST_CHANNEL_CHARACTERS} characters`;
  return /\p{Cc}|[\u2028\u2029]|\p{Cs}/u.test(channel) ? 'holds a control character' : undefined;
}

/** @throws where it cannot be published as it is. */
export function publishedMessage(channel: string, data: unknown, type?: string): PublishedMessage {
  if (type !== undefined && RESERVED_TYPES.includes(type))
    throw mistake(`\`${type}\` is a type that Tributary or the browser uses itself.`, 'Use another one.');
  return message(channel, data, type);
}

/** @throws where the channel or the text cannot be published as it is. */
export function progressMessage(
  channel: string,
  { done, total, text }: { readonly done: number; readonly total: number; readonly text?: string },
): PublishedMessage {
  if (![done, total].every((one) => Number.isFinite(one) && one >= 0))
    throw mistake('`progress` takes two numbers: how much is done, and of how much.');
  return message(channel, { done, total, ...(text !== undefined && { text: String(text) }) }, PROGRESS_TYPE);
}

/** What a call of a producer is answered: what the handler returned, or why it will not. */
export type CallAnswer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: string };

/** @param origin as a text. */
export const resultChannel = (origin: string): string => `result:${origin}`;

/** @throws where it cannot be published as it is. */
export function resultMessage(origin: string, result: CallAnswer): PublishedMessage {
  return {
    channel: resultChannel(origin),
    type: RESULT_TYPE,
    data: result.ok ? `{"ok":true,"value":${jsonOf(result.value, RETURNED)}}` : jsonOf(result, RETURNED),
  };
}

function message(channel: string, data: unknown, type: string | undefined): PublishedMessage {
  const fault = faultOfChannel(channel);
  if (fault !== undefined) throw mistake(`The name of a channel ${fault}.`);
  if (type !== undefined && (typeof type !== 'string' || !isTypeName(type)))
    throw mistake(
      `\`type\` of what is published must be a text of one line, at most ${MOST_TYPE_CHARACTERS} characters.`,
    );
  return {
    channel,
    type: type === undefined || type === 'message' ? undefined : type,
    data: jsonOf(data, PUBLISHED),
  };
}

const isTypeName = (type: string): boolean =>
  type !== '' && type.length <= MOST_TYPE_CHARACTERS && !/\p{Cc}|[\u2028\u2029]|\p{Cs}/u.test(type);

interface Words {
  readonly what: string;
  readonly remedy: string;
}

const PUBLISHED: Words = {
  what: 'What is published on a channel',
  remedy: 'Put it into a table, and publish where it is.',
};
const RETURNED: Words = {
  what: 'What the handler returned',
  remedy: 'Put it into a table, and return where it is.',
};

function jsonOf(data: unknown, { what, remedy }: Words): string {
  const json = jsonText(data ?? null);
  if ('fault' in json) throw mistake(`${what} ${json.fault}.`);
  const { text } = json;
  if (Buffer.byteLength(text) > MOST_DATA_BYTES)
    throw mistake(`${what} is larger than ${MOST_DATA_BYTES / 1_024} kB.`, remedy);
  return text;
}

const mistake = (what: string, remedy?: string): TributaryError =>
  new TributaryError(what, {
    code: 'handler-publish',
    kind: 'halting',
    ...(remedy === undefined ? {} : { remedy }),
  });
