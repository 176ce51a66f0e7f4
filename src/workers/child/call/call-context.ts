// The context of one call of the handler.
//
// Invariant: after `end` none of its methods has an effect; what was decided before counts only if the call counts as done.
import type { Logger } from 'pino';
import { progressMessage, publishedMessage, resultMessage } from '../../../channels/message.ts';
import { BadUnit, parseDuration } from '../../../config/units.ts';
import { TributaryError } from '../../../errors/tributary-error.ts';
import type {
  Context,
  Event,
  Handler,
  HandlerClient,
  ProgressOptions,
  PublishOptions,
  RetryOptions,
  SendOptions,
  SentEvent,
} from '../../../handler/contract.ts';
import { BatchEvent } from '../../../handler/event.ts';
import type { GuardedClient } from '../transaction/guarded-client.ts';
import { type CentralQueues, type Delay, Outbox } from '../transaction/outbox.ts';
import type { OutcomeBook } from './outcomes.ts';
import type { ProgressReports } from './progress-reports.ts';

const MOST_AFTER_MS = 100 * 365 * 86_400_000;

export interface ContextEnvironment {
  readonly handler: Handler;
  readonly log: Logger;
  /** Aborted when the worker must end before the batch is done. */
  readonly stopNow: AbortSignal;
  readonly centralQueues: CentralQueues;
  readonly reports: Pick<ProgressReports, 'report' | 'drop'>;
  /** What the handler returns is published. */
  readonly hasResults: boolean;
}

export interface ContextTools {
  readonly book: OutcomeBook;
  /** Makes the client; absent where no transaction is open. */
  readonly clientFor?: () => GuardedClient;
}

export class CallContext implements Context {
  readonly outbox: Outbox;
  readonly #events: readonly BatchEvent[];
  readonly #environment: ContextEnvironment;
  readonly #tools: ContextTools;
  /** The handler did not come back in time. */
  hasOverrun = false;
  /** What the handler returned. */
  answer: unknown;
  #client: GuardedClient | undefined;
  #controller: AbortController | undefined;
  readonly #stop = () => this.#controller?.abort(this.#environment.stopNow.reason);
  #isOver = false;
  /** Of the last message. */
  #channel: string | undefined;
  /** Where progress was said. */
  #reported: Set<string> | undefined;

  constructor(events: readonly BatchEvent[], environment: ContextEnvironment, tools: ContextTools) {
    this.#events = events;
    this.#environment = environment;
    this.#tools = tools;
    this.outbox = new Outbox(environment.centralQueues);
    // So that they work when a handler destructures the context.
    this.retry = this.retry.bind(this);
    this.dead = this.dead.bind(this);
    this.send = this.send.bind(this);
    this.publish = this.publish.bind(this);
    this.progress = this.progress.bind(this);
  }

  get client(): HandlerClient {
    const { clientFor } = this.#tools;
    if (clientFor === undefined) {
      throw mistake(
        'A handler with `transaction: false` has no `client`: no transaction is open while it runs.',
        'Open a connection of your own, or leave `transaction: false` out.',
      );
    }
    this.#client ??= clientFor();
    // Members of a pool's client that it lacks (host and port, COPY of the native driver) are used by no library over `pg`.
    return this.#client as unknown as HandlerClient;
  }

  get log(): Logger {
    const { log, handler } = this.#environment;
    const [event] = this.#events;
    if (handler.event === undefined || event === undefined) return log;
    return log.child({ event: event.id, origin: String(event.origin) });
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      const { stopNow } = this.#environment;
      if (stopNow.aborted) this.#stop();
      else stopNow.addEventListener('abort', this.#stop, { once: true });
    }
    return this.#controller.signal;
  }

  get attempt(): number {
    return 1 + this.#events.reduce((most, { retry }) => Math.max(most, retry), 0);
  }

  retry(event: Event, { after }: RetryOptions = {}): void {
    this.#tools.book.postponed(this.#own(event, 'retry'), after === undefined ? undefined : msUntil(after));
  }

  dead(event: Event, reason: string): void {
    this.#tools.book.dead(this.#own(event, 'dead'), 'handler', String(reason));
  }

  send(queue: string, events: SentEvent | readonly SentEvent[], options: SendOptions = {}): void {
    const { from } = options;
    const [only] = this.#events;
    const isOne = this.#environment.handler.event !== undefined;
    if (from === undefined && !isOne) {
      throw mistake(
        'A `batch` handler has to say which event the sent ones come from.',
        'Write `send(queue, events, { from: event })`.',
      );
    }
    const own = this.#own((from ?? only) as Event, 'send');
    this.outbox.add(queue, events, { from: own, delay: delayOf(options) });
  }

  publish(channel: string, data: unknown, { type, from }: PublishOptions = {}): void {
    const own = this.#own((from ?? this.#events.at(-1)) as Event, 'publish');
    this.outbox.publish(publishedMessage(channel, data, type), own);
    this.#channel = channel;
  }

  progress(done: number, total: number, text?: string, { channel }: ProgressOptions = {}): void {
    const [first] = this.#events;
    const own = this.#own(first as Event, 'progress');
    const isOne = this.#environment.handler.event !== undefined;
    const meant = channel ?? this.#channel ?? (isOne ? String(own.origin) : undefined);
    if (meant === undefined)
      throw mistake(
        'A `batch` handler has to say on which channel its progress is published.',
        'Write `progress(done, total, text, { channel })`.',
      );
    this.#environment.reports.report(
      progressMessage(meant, { done, total, ...(text !== undefined && { text }) }),
    );
    this.#reported ??= new Set();
    this.#reported.add(meant);
  }

  abort(reason: unknown): void {
    this.#controller?.abort(reason);
  }

  /** Publishes what the handler returned, for each event that this was the end of. @returns why that is not possible. */
  answerCalls(): { readonly error: unknown } | undefined {
    if (!this.#environment.hasResults) return undefined;
    const { answer } = this;
    const isEach = Array.isArray(answer) && this.#environment.handler.event === undefined;
    try {
      for (const [at, event] of this.#events.entries()) {
        if (this.#tools.book.isDecided(event)) continue;
        const value: unknown = isEach
          ? answer[at]
          : this.#environment.handler.event === undefined
            ? null
            : answer;
        this.outbox.publish(resultMessage(String(event.origin), { ok: true, value }), event);
      }
      return undefined;
    } catch (error) {
      return { error };
    }
  }

  /** Ends the call: its client, if it was asked for, takes no more statements. */
  end(): GuardedClient | undefined {
    this.#isOver = true;
    for (const channel of this.#reported ?? []) this.#environment.reports.drop(channel);
    this.#client?.end();
    if (this.#controller !== undefined) this.#environment.stopNow.removeEventListener('abort', this.#stop);
    return this.#client;
  }

  #own(event: Event, verb: string): BatchEvent {
    if (this.#isOver) {
      throw mistake(
        `The handler has returned; it is too late for \`${verb}\`.`,
        'Wait for what it does with `await`.',
      );
    }
    if (!(event instanceof BatchEvent) || !this.#events.includes(event)) {
      throw mistake(`\`${verb}\` takes an event that this call was given.`);
    }
    return event;
  }
}

/** A moment stays one, and a duration a duration: central's clock decides when that is. */
function delayOf({ after, at }: SendOptions): Delay | undefined {
  if (after !== undefined && at !== undefined) throw mistake('`send` takes `after` or `at`, and not both.');
  if (after !== undefined) {
    if (typeof after !== 'string')
      throw mistake('`after` of `send` is a duration such as `5m`.', 'For a moment there is `at`.');
    return { afterMs: withinLimit(durationOf(after), 'after') };
  }
  if (at === undefined) return undefined;
  if (!(at instanceof Date)) throw mistake('`at` of `send` is a `Date`.', 'For a duration there is `after`.');
  withinLimit(Math.max(0, at.getTime() - Date.now()), 'at');
  return { atMs: at.getTime() };
}

function msUntil(after: string | Date): number {
  const ms = after instanceof Date ? Math.max(0, after.getTime() - Date.now()) : durationOf(after);
  return withinLimit(ms, 'after');
}

function withinLimit(ms: number, what: 'after' | 'at'): number {
  if (ms <= MOST_AFTER_MS) return ms;
  throw mistake(
    Number.isNaN(ms)
      ? `\`${what}\` is a date without a time (Invalid Date).`
      : `\`${what}\` is more than a hundred years away.`,
  );
}

function durationOf(after: string): number {
  try {
    return parseDuration(after);
  } catch (error) {
    if (!(error instanceof BadUnit)) throw error;
    throw mistake(`\`after\` ${error.message}.`);
  }
}

const mistake = (what: string, remedy?: string): TributaryError =>
  new TributaryError(what, {
    code: 'handler-context',
    kind: 'halting',
    ...(remedy === undefined ? {} : { remedy }),
  });
