// The client that a handler is given: the worker's own connection, minus everything that would end or split its transaction.
//
// Invariant: a client serves one call of the handler. Once that call is over every further use is refused, and `settled`
// waits for statements that the handler did not wait for itself.
import { EventEmitter } from 'node:events';
import { TributaryError } from '../../../errors/tributary-error.ts';
import type { HandlerClient } from '../../../handler/contract.ts';
import { statementWords } from '../../../handler/transaction-words.ts';
import type { PgClient } from '../../../postgres/connection.ts';
import { StatementSites, siteOf } from './statement-sites.ts';

/** Clients through which a handler has sent a statement: the session has to be cleaned behind it. */
export const usedByHandlers = new WeakSet<PgClient>();

const sites = new StatementSites();

export interface GuardOptions {
  /** Called before each statement, in the same turn, so that a statement of ours can be queued in front of it. */
  beforeStatement(): void;
}

export class GuardedClient extends EventEmitter {
  readonly query: HandlerClient['query'];
  readonly #client: PgClient;
  readonly #pending = new Set<Promise<unknown>>();
  #isOver = false;
  #isUsed = false;
  #maySet = false;
  #needsBarrier = false;
  #unawaited: { readonly error: unknown } | undefined;

  constructor(client: PgClient, { beforeStatement }: GuardOptions) {
    super();
    this.#client = client;
    this.query = ((...args: unknown[]) => this.#query(args, beforeStatement)) as HandlerClient['query'];
  }

  escapeIdentifier(text: string): string {
    return this.#client.escapeIdentifier(text);
  }

  escapeLiteral(text: string): string {
    return this.#client.escapeLiteral(text);
  }

  getTypeParser(...args: Parameters<PgClient['getTypeParser']>): unknown {
    return this.#client.getTypeParser(...args);
  }

  /** Does nothing: libraries call it to give a client back to a pool, and this one ends with its call. */
  release(): void {}

  connect(): Promise<never> {
    return Promise.reject(OPEN_ALREADY());
  }

  /** Whether any statement was sent. */
  get isUsed(): boolean {
    return this.#isUsed;
  }

  /** Whether a statement may have left a setting behind. */
  get maySet(): boolean {
    return this.#maySet;
  }

  /** From here on every use is refused; the connection stays open. */
  end(): void {
    this.#isOver = true;
  }

  /** No statement is under way: `settled` need not wait. */
  get isQuiet(): boolean {
    return this.#pending.size === 0 && !this.#needsBarrier;
  }

  /** Of a statement that the handler did not wait for, as far as it has failed. */
  get unawaited(): { readonly error: unknown } | undefined {
    return this.#unawaited;
  }

  /** Resolves when no statement is under way any more. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending);
    // A stream (COPY, cursor) is no promise, and an error arrives before the transaction's new state: an empty statement is
    // answered after both.
    if (this.#needsBarrier) await this.#client.query('').catch(() => {});
  }

  #query(args: unknown[], beforeStatement: () => void): unknown {
    const [config] = args;
    const { control, maySet } = statementWords(textOf(config));
    const refusal = this.#refusal(control);
    const isStream = isSubmittable(config);
    if (refusal !== undefined) {
      if (isStream) throw refusal;
      return Promise.reject(refusal);
    }
    beforeStatement();
    this.#isUsed = true;
    usedByHandlers.add(this.#client);
    this.#maySet ||= maySet;
    this.#needsBarrier ||= isStream || typeof args.at(-1) === 'function';
    const result = (this.#client.query as (...args: unknown[]) => unknown).apply(this.#client, args);
    return result instanceof Promise ? this.#tracked(result) : result;
  }

  /**
   * The same promise, observed. There is one chain from the driver to the handler, so what awaits it is found when it fails:
   * Node.js then writes the place where the handler waits into the error's stack, which costs nothing before.
   */
  #tracked(result: Promise<unknown>): Promise<unknown> {
    const site = sites.areKept ? siteOf(this.query) : undefined;
    const tracked: Promise<unknown> = result.then(
      (answer) => {
        this.#pending.delete(tracked);
        return answer;
      },
      (error: unknown) => {
        this.#pending.delete(tracked);
        // Who did not wait for it hears of it below, and not as an uncaught error.
        tracked.catch(() => {});
        this.#needsBarrier = true;
        if (error instanceof Error) sites.name(error, site);
        // Only a statement that is still under way when the handler has returned was not waited for.
        if (this.#isOver) this.#unawaited ??= { error };
        throw error;
      },
    );
    this.#pending.add(tracked);
    return tracked;
  }

  #refusal(word: string | undefined): TributaryError | undefined {
    if (this.#isOver) {
      return refuse(
        'The client of a handler can be used only until the handler returns.',
        'Wait for every query with `await`, and do not keep the client.',
      );
    }
    if (word === undefined) return undefined;
    return refuse(
      `${word} is refused: the client is inside the transaction that finishes the batch.`,
      'To undo what was written for an event, throw; for a transaction of your own, open a connection of your own.',
    );
  }
}

const OPEN_ALREADY = () =>
  refuse('The client of a handler is connected already.', 'Leave `connect` out, and use `query` at once.');

const refuse = (what: string, remedy: string): TributaryError =>
  new TributaryError(what, { code: 'handler-client', kind: 'halting', remedy });

function textOf(config: unknown): string {
  if (typeof config === 'string') return config;
  if (typeof config !== 'object' || config === null) return '';
  const { text, cursor } = config as { text?: unknown; cursor?: { text?: unknown } };
  if (typeof text === 'string') return text;
  return typeof cursor?.text === 'string' ? cursor.text : '';
}

function isSubmittable(config: unknown): boolean {
  return typeof (config as { submit?: unknown } | null)?.submit === 'function';
}
