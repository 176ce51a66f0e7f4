// Calls: an event that is sent, and what its handler returned for it, which comes as a message on a channel of its own.
//
// Invariant: the event is committed before its answer is waited for, and an answer that was published before anybody listened is
// found all the same: nothing is missed, and to give up waiting changes nothing of the event.
import { type CallAnswer, RESULT_TYPE, resultChannel } from '../channels/message.ts';
import { signChannel } from '../channels/signed.ts';
import { BadUnit, parseDuration } from '../config/units.ts';
import { TributaryError } from '../errors/tributary-error.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { wait } from '../lifecycle/wait.ts';
import { insertOne, namesOfQueues } from '../queue/insert.ts';
import { noSuchQueue } from '../queue/no-such-queue.ts';
import type { PgqSchema } from '../queue/provider.ts';
import type {
  CallingProducer,
  CallsOption,
  ProducedEvent,
  ProducerCallOptions,
  WaitOptions,
} from './contract.ts';
import { type EventRules, queueNamed, textsOf } from './event.ts';
import { explained, mistakeInEvent } from './mistakes.ts';

const OPTIONS = ['shard', 'on', 'url', 'key'];
const WAIT_OPTIONS = ['timeout', 'signal'];
const CALL_OPTIONS = [...WAIT_OPTIONS, 'type', 'key'];
const DEFAULT_TIMEOUT = '30s';
/** What a timer can wait for. */
const MOST_TIMEOUT_MS = 24 * 86_400_000;
/** Shard, queue, id; behind a `>` steps. */
const ORIGIN = /^[^:\p{Cc}]+:[^\p{Cc}]+:\d+(>[^\p{Cc}]*)?$/u;

export interface CallRules {
  readonly schema: PgqSchema;
  readonly event: EventRules;
}

/** @throws where the option cannot be used. */
export function callsBy(
  option: CallsOption,
  { schema, event: rules }: CallRules,
): Pick<CallingProducer<Record<string, unknown>>, 'call' | 'result'> {
  if (typeof option !== 'object' || option === null)
    throw mistakeInEvent('`calls` must be an object.', `There are ${OPTIONS.join(', ')}.`);
  known('calls', option, OPTIONS);
  const { on, shard } = option;
  if (typeof shard !== 'string' || shard === '')
    throw mistakeInEvent('`calls.shard` is missing: the name of the shard in the file of Tributary.');
  if (typeof on?.query !== 'function')
    throw mistakeInEvent('`calls.on` must have `query(text, values)`, as a pool of pg on the shard has it.');
  const answers = new Answers(option);
  const query = async ({ text, values }: { text: string; values: readonly unknown[] }, queue: string) => {
    try {
      return (await on.query(text, [...values])).rows;
    } catch (error) {
      throw explained(error, { queue, schema });
    }
  };
  return {
    call: async <Result>(
      queue: string,
      data: unknown,
      options: ProducerCallOptions = {},
    ): Promise<Result> => {
      known('call', options, CALL_OPTIONS);
      const { type, key, timeout, signal } = options;
      const waiting = waitOf({ timeout, signal });
      queueNamed(queue);
      const event = textsOf({ data, type, key } as ProducedEvent, rules);
      const [row] = await query(insertOne(schema, queue, event), queue);
      if (row === undefined) {
        const [names] = await query(namesOfQueues(schema), queue);
        throw noSuchQueue(queue, JSON.parse(String(names?.names)) as string[]);
      }
      return (await answers.to(`${shard}:${queue}:${row.id}`, waiting)) as Result;
    },
    result: async <Result>(origin: string, options: WaitOptions = {}): Promise<Result> => {
      known('result', options, WAIT_OPTIONS);
      if (typeof origin !== 'string' || !ORIGIN.test(origin))
        throw mistakeInEvent(
          `\`result\` takes an origin such as \`app_017:resize:42\`, not \`${String(origin).slice(0, 40)}\`.`,
        );
      return (await answers.to(origin, waitOf(options))) as Result;
    },
  };
}

interface Waiting {
  readonly ms: number;
  readonly signal: AbortSignal | undefined;
}

class Answers {
  readonly #url: string;
  readonly #key: string | undefined;

  constructor({ url, key }: CallsOption) {
    if (typeof url !== 'string' || !URL.canParse(url) || !/^https?:/.test(url))
      throw mistakeInEvent(
        '`calls.url` must be where Tributary serves HTTP, such as `http://10.0.0.5:7717`.',
      );
    this.#url = `${url.replace(/\/+$/, '')}/live`;
    this.#key = key;
  }

  /** @returns what the handler returned. @throws TributaryError */
  async to(origin: string, { ms, signal }: Waiting): Promise<unknown> {
    const late = AbortSignal.timeout(ms);
    const over = signal === undefined ? late : AbortSignal.any([late, signal]);
    let trouble = '';
    while (!over.aborted) {
      try {
        const result = await this.#listen(origin, ms, {
          signal: over,
          onOpen: (status) => {
            trouble = status === 200 ? '' : ` ${this.#url} answers with status ${status}.`;
          },
        });
        if (result?.ok === true) return result.value;
        if (result !== undefined) throw failed(origin, result.error);
      } catch (error) {
        if (error instanceof TributaryError) throw error;
        if (!over.aborted) trouble = ` Nobody answers at ${this.#url}${codeIn(error)}.`;
      }
      await wait(TIMING.live.callAgainMs, over);
    }
    throw new TributaryError(`The call is still at work, its origin is ${origin}.${trouble}`, {
      code: 'call-at-work',
      kind: 'retryable',
      remedy:
        'Wait for it with `result(origin)`, soon: an answer is kept for two minutes, and only a queue with `results: true` gives one.',
    });
  }

  /** @returns undefined where the stream ended without. */
  async #listen(
    origin: string,
    ms: number,
    { signal, onOpen }: { readonly signal: AbortSignal; onOpen(status: number): void },
  ): Promise<CallAnswer | undefined> {
    const channel = resultChannel(origin);
    const query = new URLSearchParams({ channel, last_event_id: 'oldest' });
    const headers: Record<string, string> = { accept: 'text/event-stream' };
    if (this.#key !== undefined)
      headers.authorization = `Bearer ${signChannel(channel, { key: this.#key, for: `${Math.ceil(ms) + TIMING.live.callSlackMs}ms` })}`;
    const response = await fetch(`${this.#url}?${query}`, { headers, signal });
    if ([400, 401, 403, 404].includes(response.status)) throw await refused(response);
    onOpen(response.status);
    if (!response.ok || response.body === null) return undefined;
    let rest = '';
    for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
      const blocks = (rest + text).split('\n\n');
      rest = blocks.pop() ?? '';
      const result = blocks.map(resultIn).find((one) => one !== undefined);
      // Leaving the loop ends the stream.
      if (result !== undefined) return result;
    }
    return undefined;
  }
}

/** Why a request failed, such as `ECONNREFUSED`, or what is wrong with a certificate. */
function codeIn(error: unknown): string {
  const { cause } = error as { readonly cause?: { readonly code?: unknown } };
  return typeof cause?.code === 'string' ? ` (${cause.code})` : '';
}

function resultIn(block: string): CallAnswer | undefined {
  const lines = block.split('\n');
  if (!lines.includes(`event: ${RESULT_TYPE}`)) return undefined;
  const data = lines.find((line) => line.startsWith('data: '))?.slice(6) ?? '';
  return (JSON.parse(data) as { data: CallAnswer }).data;
}

async function refused(response: Response): Promise<TributaryError> {
  const text = await response.text();
  const said = /"error":"((?:[^"\\]|\\.)*)"/.exec(text)?.[1];
  return new TributaryError(
    `The answer cannot be waited for: ${said === undefined ? `status ${response.status}.` : JSON.parse(`"${said}"`)}`,
    {
      code: 'call-refused',
      kind: 'misconfigured',
      remedy: 'See `calls.url` and `calls.key`: the key is `http.live.key` of the file, or `http.token`.',
    },
  );
}

const failed = (origin: string, error: string) =>
  new TributaryError(error, { code: 'call-failed', kind: 'halting', remedy: `Its origin is ${origin}.` });

function waitOf({ timeout = DEFAULT_TIMEOUT, signal }: WaitOptions): Waiting {
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw mistakeInEvent('`signal` of a call must be an AbortSignal.');
  // What nobody waits for is not sent.
  signal?.throwIfAborted();
  try {
    const ms = parseDuration(timeout);
    if (ms > MOST_TIMEOUT_MS) throw mistakeInEvent('`timeout` of a call must be at most 24 days.');
    return { ms, signal };
  } catch (error) {
    if (error instanceof BadUnit) throw mistakeInEvent(`\`timeout\` of a call ${error.message}.`);
    throw error;
  }
}

function known(what: string, options: object, names: readonly string[]): void {
  const strange = Object.keys(options).find((name) => !names.includes(name));
  if (strange !== undefined)
    throw mistakeInEvent(`\`${what}\` knows no \`${strange}\`.`, `There are ${names.join(', ')}.`);
}
