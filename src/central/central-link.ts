// A connection to central that is opened when needed and opened anew after it broke. One user at a time.
//
// Fails by: central that cannot be reached fails all calls that wait by then, at once: if each waited for an attempt of its
// own, the last of hundreds would wait for hours.
import type { Config } from '../config/config.ts';
import { sentenceFor } from '../errors/sentence.ts';
import { kindOf, sqlstateOf } from '../errors/sqlstate.ts';
import { TributaryError } from '../errors/tributary-error.ts';
import { type CallOptions, Connection, type Row } from '../postgres/connection.ts';

export class CentralLink {
  readonly #config: Config;
  readonly #purpose: string;
  #connection: Promise<Connection> | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #opened = 0;
  #progress = 0;
  /** Uses asked for so far, and up to which of them an attempt to connect has failed. */
  #asked = 0;
  #refused: { readonly upTo: number; readonly error: unknown } = { upTo: 0, error: undefined };
  #giveUp: (error: unknown) => void = () => {};
  readonly #givenUp: Promise<never> = new Promise((_resolve, reject) => {
    this.#giveUp = reject;
  });

  /** @param purpose shown in pg_stat_activity behind the installation's name. */
  constructor(config: Config, purpose: string) {
    this.#config = config;
    this.#purpose = purpose;
    this.#givenUp.catch(() => {});
  }

  /** How many connections were opened: a new one may reach a central that was restored or failed over meanwhile. */
  get opened(): number {
    return this.#opened;
  }

  /** Calls `work` with the connection, after the calls that asked before; a broken connection is replaced first. */
  async use<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    this.#asked += 1;
    const number = this.#asked;
    const mine = this.#queue.then(async () => {
      if (number <= this.#refused.upTo) throw this.#refused.error;
      this.#progress += 1;
      return await work(await this.#open());
    });
    this.#queue = mine.catch(() => {});
    try {
      return await Promise.race([mine, this.#givenUp]);
    } catch (error) {
      throw centralError(error);
    }
  }

  /** Counts uses that have begun, and pieces of large ones. */
  get progress(): number {
    return this.#progress;
  }

  /** The same pieces; each one that is taken counts as progress. */
  async *counted(pieces: Iterable<Buffer> | AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const piece of pieces) {
      this.#progress += 1;
      yield piece;
    }
  }

  async query<R = Row>(
    text: string,
    values: readonly unknown[] = [],
    options: CallOptions = {},
  ): Promise<R[]> {
    return await this.use((connection) => connection.query<R>(text, values, options));
  }

  /** Breaks off the call under way and refuses all later ones; nothing is waited for. */
  abandon(): void {
    this.#giveUp(
      new TributaryError('The connection to central was given up.', { code: 'abandoned', kind: 'retryable' }),
    );
    this.#refused = { upTo: Number.POSITIVE_INFINITY, error: new Error('The connection was given up.') };
    void this.#connection?.then((connection) => connection.destroy()).catch(() => {});
  }

  async close(): Promise<void> {
    await Promise.race([this.#queue, this.#givenUp.catch(() => {})]);
    const connection = await this.#connection?.catch(() => undefined);
    this.#connection = undefined;
    await connection?.close();
  }

  async #open(): Promise<Connection> {
    const current = await this.#connection?.catch(() => undefined);
    if (current !== undefined && !current.failed) return current;
    this.#connection = Connection.open(this.#config.central, {
      applicationName: `tributary ${this.#purpose} ${this.#config.name}`,
      owner: 'Central',
    });
    try {
      const opened = await this.#connection;
      this.#opened += 1;
      return opened;
    } catch (error) {
      if (this.#asked > this.#refused.upTo) this.#refused = { upTo: this.#asked, error };
      throw error;
    }
  }
}

/** Gives errors about central as a whole a sentence that names it; an error with an SQLSTATE keeps it for the caller to decide by. */
export function centralError(error: unknown): unknown {
  if (error instanceof TributaryError || kindOf(error) === 'internal') return error;
  if (sqlstateOf(error) !== undefined && kindOf(error) !== 'misconfigured') return error;
  return new TributaryError(sentenceFor(error, 'Central'), {
    code: 'central',
    kind: kindOf(error),
    cause: error,
  });
}
