// One connection to one database: queries, multi-statement scripts, COPY both ways. The only file that makes a pg Client.
//
// Invariant: a connection that failed once (error, timeout, cut) is never used again; `closed` tells why it ended.
// Nothing here needs a session: no startup parameters but application_name, no named statements, no session locks,
// so a pooler in transaction mode may stand in between. Code that needs a session checks `isDirect` first.
import type { EventEmitter } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import type pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import type { Database } from '../config/config.ts';
import { cameFrom } from '../errors/sentence.ts';
import { sqlstateOf } from '../errors/sqlstate.ts';
import { TributaryError } from '../errors/tributary-error.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { requestCancel } from './cancel.ts';
import { type ClientOptions, clientConfig } from './client-config.ts';
import { CopyScript } from './copy-script.ts';
import { driver } from './driver.ts';
import { atPlace, openPrimary } from './primary.ts';
import { watchWrites } from './takes-writes.ts';

export type Row = Record<string, unknown>;

/** A transaction-bound client as handlers see it; re-exported by the room `handler`. */
export type PgClient = pg.ClientBase;
/** A client as libraries over `pg` take one: with `release`, as a pool gives it out. */
export type PgPoolClient = pg.PoolClient;

export interface ConnectOptions extends ClientOptions {
  /** The database that errors name, e.g. `Central`: for code that works with several databases. */
  readonly owner?: string;
  /** Gives up connecting. */
  readonly signal?: AbortSignal;
}

/** SQLSTATE of a write on a standby, or where transactions are read-only. */
const READ_ONLY = '25006';

export interface CallOptions {
  /** After this many ms without an answer the connection is given up; default 30 s. */
  readonly timeoutMs?: number;
}

export class Connection {
  readonly #client: pg.Client;
  readonly #owner: string | undefined;
  #failure: Error | undefined;
  #last: Promise<unknown> = Promise.resolve();
  readonly #closed: Promise<Error | undefined>;
  readonly #takesWrites: () => boolean | undefined;

  private constructor(client: pg.Client, owner: string | undefined) {
    this.#client = client;
    this.#owner = owner;
    this.#closed = new Promise((resolve) => client.once('end', () => resolve(this.#failure)));
    this.#takesWrites = watchWrites(client);
    client.on('error', (error) => {
      this.#failure ??= error;
    });
  }

  /** @throws what pg throws when the server cannot be reached or refuses; see errors/sentence.ts. */
  static async open(database: Database, options: ConnectOptions): Promise<Connection> {
    const { servers } = database;
    if (servers === undefined) return await Connection.#openWithTls(database, options);
    return await openPrimary({
      servers,
      owner: options.owner ?? database.displayUrl,
      signal: options.signal,
      open: (place, signal) =>
        Connection.#openWithTls(atPlace(database, place), {
          ...options,
          signal,
          ...(place.address === undefined ? {} : { address: place.address }),
        }),
    });
  }

  static async #openWithTls(database: Database, options: ConnectOptions): Promise<Connection> {
    const { tls } = database;
    if (tls.mode !== 'prefer') return await Connection.#open(database, options);
    try {
      return await Connection.#open({ ...database, tls: { ...tls, mode: 'require' } }, options);
    } catch (error) {
      if (!/does not support SSL/i.test(error instanceof Error ? error.message : '')) throw error;
      return await Connection.#open({ ...database, tls: { mode: 'off' } }, options);
    }
  }

  /** Over a client that is not connected yet, and that the caller connects and ends. */
  static over(client: pg.Client, { channelBinding }: Database, owner: string | undefined): Connection {
    const connection = new Connection(client, owner);
    if (channelBinding === 'require') refuseUnbound(client, connection);
    return connection;
  }

  static async #open(database: Database, options: ConnectOptions): Promise<Connection> {
    const client = new driver.Client(clientConfig(database, options));
    const connection = Connection.over(client, database, options.owner);
    const giveUp = () => connection.destroy();
    options.signal?.addEventListener('abort', giveUp, { once: true });
    try {
      await client.connect();
    } catch (error) {
      connection.destroy();
      throw connection.#owned(connection.#failure ?? error);
    } finally {
      options.signal?.removeEventListener('abort', giveUp);
    }
    return connection;
  }

  /** The plain client, for the room `workers`, which hands it to handlers. */
  get client(): pg.Client {
    return this.#client;
  }

  /** Resolves when the connection has ended, with the error that ended it, if any. */
  get closed(): Promise<Error | undefined> {
    return this.#closed;
  }

  get failed(): boolean {
    return this.#failure !== undefined;
  }

  /** Bytes that have come from the server. */
  get received(): number {
    const { connection } = this.#client as unknown as { connection: { stream: { bytesRead?: number } } };
    return connection.stream.bytesRead ?? 0;
  }

  get backendPid(): number {
    return (this.#client as unknown as { processID: number }).processID;
  }

  /** False where a pooler stands in between: it reports a process id of its own. */
  async isDirect(): Promise<boolean> {
    const [row] = await this.query<{ pid: number }>('select pg_backend_pid() as pid');
    return row?.pid === this.backendPid;
  }

  /** One statement, unnamed, with parameters. */
  async query<R = Row>(
    text: string,
    values: readonly unknown[] = [],
    options: CallOptions = {},
  ): Promise<R[]> {
    const result = await this.#bounded(
      () => this.#client.query<pg.QueryResultRow>(text, [...values]),
      options,
    );
    return result.rows as R[];
  }

  /** Several statements in one simple-protocol message; the rows of each, in order. */
  async script(text: string, options: CallOptions = {}): Promise<Row[][]> {
    const results = await this.#bounded<unknown>(() => this.#client.query(text), options);
    return (Array.isArray(results) ? results : [results]).map((result) => (result as pg.QueryResult).rows);
  }

  /** The same, where some are `COPY … FROM STDIN`: the data of each is sent with the text, without a wait in between. */
  async copyScript(
    text: string,
    copies: readonly (readonly Buffer[])[],
    options: CallOptions = {},
  ): Promise<Row[][]> {
    const results = await this.#bounded<pg.QueryResult[]>(
      () =>
        new Promise((resolve, reject) => {
          this.#client.query(new CopyScript(text, copies, { resolve, reject }));
        }),
      options,
    );
    return results.map(({ rows }) => rows);
  }

  /** `COPY … TO STDOUT`, alone in its message. */
  copyOut(text: string): Readable {
    return this.#watched(this.#client.query(copyTo(text)) as unknown as Readable);
  }

  /** `COPY … FROM STDIN`, alone in its message. */
  copyIn(text: string): Writable {
    return this.#watched(this.#client.query(copyFrom(text)) as unknown as Writable);
  }

  /** Ends the session in order; resolves when the socket is closed, after two seconds at most. */
  async close(): Promise<void> {
    const timer = setTimeout(() => this.destroy(), TIMING.connections.closeMs);
    await this.#client.end().catch(() => {});
    clearTimeout(timer);
  }

  /** Closes the socket at once, without ending the session: for a peer that does not answer. */
  destroy(reason?: Error): void {
    this.#failure ??= reason;
    (this.#client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
  }

  /** Cancels a statement that is given up, so that it does not go on in the server. */
  #cancel(): void {
    const { host, port, processID, secretKey } = this.#client as unknown as {
      host: string;
      port: number;
      processID?: number;
      secretKey?: number;
    };
    if (processID === undefined || secretKey === undefined) return;
    requestCancel({ host, port, pid: processID, secret: secretKey });
  }

  /** Runs calls one after another; the time limit of each counts from its own start. */
  async #bounded<T>(call: () => Promise<T>, options: CallOptions): Promise<T> {
    const mine = this.#last.then(() => this.#answered(call, options));
    this.#last = mine.catch(() => {});
    return await mine;
  }

  async #answered<T>(
    call: () => Promise<T>,
    { timeoutMs = TIMING.connections.callMs }: CallOptions,
  ): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        const error = new TributaryError(`No answer within ${Math.round(timeoutMs / 100) / 10} s.`, {
          code: 'timeout',
          kind: 'retryable',
        });
        this.#cancel();
        this.destroy(error);
        reject(error);
      }, timeoutMs);
    });
    const answer = call();
    answer.catch(() => {});
    try {
      return await Promise.race([answer, late]);
    } catch (error) {
      // Another one takes the writes by now: the next connection leads to it. Where the server takes writes, a statement has made
      // its own transaction read-only. A pooler does not say.
      if (sqlstateOf(error) === READ_ONLY && this.#takesWrites() !== true) this.destroy(error as Error);
      throw this.#owned(error);
    } finally {
      clearTimeout(timer);
    }
  }

  #owned(error: unknown): unknown {
    if (this.#owner !== undefined) cameFrom(this.#owner, error);
    return error;
  }

  /** Notes the owner of a stream's error before other listeners get it. */
  #watched<S extends Readable | Writable>(stream: S): S {
    if (this.#owner !== undefined) stream.prependListener('error', (error) => this.#owned(error));
    return stream;
  }
}

/** With channel_binding=require: refuses a server that does not tie its password exchange to TLS: it may be another one. */
function refuseUnbound(client: pg.Client, connection: Connection): void {
  const { connection: wire } = client as unknown as { connection: EventEmitter };
  let isBound = false;
  wire.on('authenticationSASL', ({ mechanisms }: { mechanisms: readonly string[] }) => {
    isBound = mechanisms.includes('SCRAM-SHA-256-PLUS');
    if (!isBound) refuse();
  });
  wire.on('authenticationOk', () => {
    if (!isBound) refuse();
  });
  function refuse(): void {
    connection.destroy(
      new TributaryError(
        'The server does not offer channel binding, which channel_binding=require asks for.',
        {
          code: 'channel-binding',
          kind: 'misconfigured',
          remedy: 'Use TLS and a password stored as scram-sha-256, or take the parameter out of the URL.',
        },
      ),
    );
  }
}
