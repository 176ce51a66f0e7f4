// The transaction of a batch (or of a slice of one): begun with its first events, with lazy savepoints, finished together
// with the batch.
//
// Invariant: at most one savepoint exists at a time, and only if a statement of a handler was sent after `savepoint`; so a
// handler that never writes costs none. Writing subtransactions stay below what slows all of central (64): the rest of a
// batch that has used up its savepoints is not protected, and a failure there means to start again in smaller transactions.
// Order: savepoint · statements · the next savepoint or the end. `rollBackToSavepoint` undoes everything since the savepoint.
// Fails by: any error on the connection; the whole transaction is gone then and the batch is handed out again.

import type { PublishedMessage } from '../../../channels/message.ts';
import { PUBLISHED_CHANNEL, publishCall } from '../../../channels/publish.ts';
import { TributaryError } from '../../../errors/tributary-error.ts';
import { TIMING } from '../../../lifecycle/timing.ts';
import type { Connection } from '../../../postgres/connection.ts';
import { asText } from '../../../postgres/copy-out-script.ts';
import { coopFinishSql, coopHoldSql } from '../../../queue/coop.ts';
import type { DeferredConstraints } from './deferred-constraints.ts';
import { GuardedClient } from './guarded-client.ts';
import { type Sending, sendCall } from './outbox.ts';
import { endWith, RESET } from './session.ts';

const SAVEPOINT = 'tributary_mark';
const RELEASE = `release savepoint ${SAVEPOINT}`;

/** Most savepoints whose work stays. */
export const MOST_SAVEPOINTS = 50;

/** A failure can no longer be undone alone: start again, in smaller transactions. */
export class TooManySavepoints extends Error {}

export interface TransactionOptions {
  /** The server ends the transaction when the handler leaves it idle for longer. */
  readonly idleLimitMs: number;
  /** The batch that it belongs to: a member that takes the batch over ends this transaction's backend. */
  readonly token: number;
  /** Deferred constraints of this database; absent: there are none. */
  readonly constraints?: Pick<DeferredConstraints, 'check'>;
  /** Events that were sent into a queue by transaction `xid` have been committed. */
  onSent?(queue: string, xid: number): void;
}

export class BatchTransaction {
  readonly #connection: Connection;
  readonly #idleLimitMs: number;
  readonly #token: number;
  readonly #onSent: TransactionOptions['onSent'];
  readonly #constraints: TransactionOptions['constraints'];
  readonly #sent = new Map<string, number>();
  #hasPublished = false;
  /**
   * `wanted`: the next statement makes a savepoint; `saved`: it is there; `stale`: the last group's is there and a new one is wanted;
   * `clean`: it is there, and nothing has been done since.
   */
  #state: 'none' | 'wanted' | 'saved' | 'stale' | 'clean' = 'none';
  #savepoints = 0;
  #generation = 0;
  /** A statement was sent since `savepoint`, and no savepoint protects what was before. */
  #isBeyondUndoing = false;
  #isUsed = false;
  #spokeMs = performance.now();

  constructor(connection: Connection, { constraints, idleLimitMs, onSent, token }: TransactionOptions) {
    this.#constraints = constraints;
    this.#connection = connection;
    this.#onSent = onSent;
    this.#token = token;
    this.#idleLimitMs = idleLimitMs;
  }

  /** How many transactions this one has begun: cursors of those before are gone. */
  get generation(): number {
    return this.#generation;
  }

  /** Begins, also again after a commit; `text` runs in the same message. @returns the rows of the last statement, as arrays of texts. */
  async begin(text = 'select'): Promise<(string | null)[][]> {
    this.#generation += 1;
    this.#state = 'none';
    this.#savepoints = 0;
    this.#isBeyondUndoing = false;
    this.#sent.clear();
    this.#hasPublished = false;
    return await this.#texts(`${beginSql(this.#token, this.#idleLimitMs)}; ${text}`);
  }

  /** Takes over one that was begun on the connection just now, by `beginSql`. */
  adopt(): void {
    this.#generation += 1;
    this.#spokeMs = performance.now();
  }

  /**
   * A whole COPY … TO STDOUT, in the transaction before any statement of a handler.
   * @returns its beginning where it is longer than `mostBytes`; the transaction is lost then and can only be rolled back.
   */
  async copyOut(
    text: string,
    { mostBytes, cancel }: { readonly mostBytes: number; cancel(): Promise<void> },
  ): Promise<{ readonly bytes: Buffer; readonly isWhole: boolean }> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let cancelled: Promise<void> | undefined;
    const timer = setTimeout(() => this.#connection.destroy(), TIMING.worker.answerMs);
    try {
      for await (const chunk of this.#connection.copyOut(text) as AsyncIterable<Buffer>) {
        timer.refresh();
        if (bytes < mostBytes) chunks.push(chunk);
        else cancelled ??= cancel();
        bytes += chunk.length;
      }
    } catch (error) {
      if (cancelled === undefined) throw error;
    } finally {
      clearTimeout(timer);
    }
    await cancelled;
    return { bytes: Buffer.concat(chunks), isWhole: cancelled === undefined };
  }

  /** One statement of ours between groups of events; releases the savepoint. @returns rows as arrays of texts. */
  async rows(text: string): Promise<(string | null)[][]> {
    return await this.#texts(`${this.#releaseSql()}${text}`);
  }

  /** From here on a failure can be undone alone. */
  savepoint(): void {
    if (this.#state === 'none') this.#state = 'wanted';
    else if (this.#state === 'saved') this.#state = 'stale';
  }

  /**
   * Before each call of the handler. A row of calls that send nothing must not reach the server's limit for idle transactions.
   * @returns undefined where there is nothing to wait for.
   */
  beforeCall(): Promise<void> | undefined {
    this.#isUsed = false;
    return performance.now() - this.#spokeMs > this.#idleLimitMs / 10 ? this.#text('') : undefined;
  }

  /** A client for one call of the handler. */
  clientFor(): GuardedClient {
    return new GuardedClient(this.#connection.client, {
      beforeStatement: () => {
        this.#isUsed = true;
        this.#save();
      },
    });
  }

  /** A statement was sent for the call at hand. */
  get isUsed(): boolean {
    return this.#isUsed;
  }

  /** Checks deferred constraints while a violation can be undone alone. @throws the violation. */
  async check(): Promise<void> {
    const text = this.#constraints?.check ?? '';
    if (text !== '') await this.#text(text);
  }

  /** Resets settings that a call has changed. @throws where that is not possible. */
  async restore(): Promise<void> {
    const [[isReadOnly] = []] = await this.#texts(
      `${RESET}; ${settingsSql(this.#idleLimitMs)}; select current_setting('transaction_read_only')`,
    );
    if (isReadOnly !== 'on') return;
    throw new TributaryError('The handler made the transaction read-only.', {
      code: 'handler-client',
      kind: 'halting',
      remedy: 'It is the transaction that finishes the batch: leave its mode as it is.',
    });
  }

  /** @returns whether there was anything to undo. @throws TooManySavepoints where it cannot be undone alone. */
  async rollBackToSavepoint(): Promise<boolean> {
    if (this.#isBeyondUndoing) throw new TooManySavepoints();
    if (this.#state !== 'saved') return false;
    // The savepoint stays, for what comes next; nothing of it remains, so it need not be counted again.
    await this.#text(`rollback to savepoint ${SAVEPOINT}`);
    this.#state = 'clean';
    return true;
  }

  /** Savepoints whose work stays, an upper bound of the writing subtransactions. */
  get savepoints(): number {
    return this.#savepoints;
  }

  /** A statement failed and nothing was rolled back: the transaction can only be undone. */
  get isAborted(): boolean {
    return this.#connection.client.getTransactionStatus() === 'E';
  }

  /** The connection has failed, and the transaction with it. */
  get isLost(): boolean {
    return this.#connection.failed;
  }

  /** Ends the connection, and the transaction with it. */
  lose(reason: Error): void {
    this.#connection.destroy(reason);
  }

  /** Statements of ours with parameters, outside every savepoint. */
  async query(text: string, values: readonly unknown[]): Promise<void> {
    await this.#connection.query(text, values);
    this.#spokeMs = performance.now();
  }

  /** Inserts what a handler sent; undone by `rollBackToSavepoint`, as the handler's own statements are. */
  async send(sending: Sending): Promise<void> {
    this.#save();
    const { text, values } = sendCall(sending);
    const [row] = await this.#connection.query(text, values);
    if (sending.delays === undefined) this.#sent.set(sending.queue, Number(row?.xid));
  }

  /** Publishes on channels; undone in the same way. */
  async publish(messages: readonly PublishedMessage[]): Promise<void> {
    if (messages.length === 0) return;
    this.#save();
    const { text, values } = publishCall(messages);
    await this.#connection.query(text, values);
    this.#hasPublished = true;
  }

  /** Releases the savepoint, so that what follows belongs to the transaction itself. */
  async releaseSavepoint(): Promise<void> {
    const text = this.#releaseSql();
    if (text !== '') await this.#text(text);
  }

  /** Commits a part of the batch. @param note an expression to select before. @throws where the server rolled back instead. */
  async commit(note = ''): Promise<void> {
    await this.#end(note === '' ? 'commit' : `select ${note}; commit`);
  }

  /** Finishes the batch and commits. @throws as `commit` does, and where the batch is another's. */
  async finish(note = ''): Promise<void> {
    await this.#end(`${coopFinishSql(this.#token)}${note === '' ? '' : `, ${note}`}; commit`);
  }

  async rollBack(): Promise<void> {
    await this.#text('rollback');
  }

  async #end(text: string): Promise<void> {
    const notice = this.#hasPublished ? `; notify ${PUBLISHED_CHANNEL}` : '';
    await endWith(`${this.#releaseSql()}${text}${notice}`, this.#connection);
    this.#hasPublished = false;
    for (const [queue, xid] of this.#sent) this.#onSent?.(queue, xid);
  }

  async #text(text: string): Promise<void> {
    await this.#connection.script(text);
    this.#spokeMs = performance.now();
  }

  #releaseSql(): string {
    const hasSavepoint = ['saved', 'stale', 'clean'].includes(this.#state);
    const text = hasSavepoint ? `${RELEASE}; ` : '';
    this.#state = 'none';
    return text;
  }

  /** Queues the savepoint in front of the handler's statement; if it fails, so does that statement. */
  #save(): void {
    this.#spokeMs = performance.now();
    if (this.#state === 'clean') this.#state = 'saved';
    if (this.#state !== 'wanted' && this.#state !== 'stale') return;
    const release = this.#state === 'stale' ? [RELEASE] : [];
    const isProtected = this.#savepoints < MOST_SAVEPOINTS;
    const text = [...release, ...(isProtected ? [`savepoint ${SAVEPOINT}`] : [])].join('; ');
    if (text !== '') this.#connection.client.query(text).catch(() => {});
    this.#savepoints += isProtected ? 1 : 0;
    this.#isBeyondUndoing = !isProtected;
    this.#state = isProtected ? 'saved' : 'none';
  }

  async #texts(text: string): Promise<(string | null)[][]> {
    const timer = setTimeout(() => this.#connection.destroy(), TIMING.worker.answerMs);
    try {
      const result = await this.#connection.client.query({ text, rowMode: 'array', types: asText });
      this.#spokeMs = performance.now();
      const last: unknown = Array.isArray(result) ? result.at(-1) : result;
      return (last as { rows: (string | null)[][] }).rows;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Statements that begin the transaction of a batch. @param token of the batch, or an expression for it. */
export const beginSql = (token: number | string, idleLimitMs: number): string =>
  `begin isolation level read committed, read write; ${settingsSql(idleLimitMs)}; ${coopHoldSql(token)}`;

const settingsSql = (idleLimitMs: number): string =>
  `set local idle_in_transaction_session_timeout = ${Math.ceil(idleLimitMs)}; set local datestyle = iso`;
