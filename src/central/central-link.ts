// A connection to central that is opened when needed and opened anew after it broke. One user at a time.
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

  /** @param purpose shown in pg_stat_activity behind the installation's name. */
  constructor(config: Config, purpose: string) {
    this.#config = config;
    this.#purpose = purpose;
  }

  /** How often a connection was opened: another one may reach a central that was restored or failed over meanwhile. */
  get opened(): number {
    return this.#opened;
  }

  /** Lends the connection to `work`, after those who asked before; a broken one is replaced first. */
  async use<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const mine = this.#queue.then(async () => await work(await this.#open()));
    this.#queue = mine.catch(() => {});
    try {
      return await mine;
    } catch (error) {
      throw centralError(error);
    }
  }

  async query<R = Row>(
    text: string,
    values: readonly unknown[] = [],
    options: CallOptions = {},
  ): Promise<R[]> {
    return await this.use((connection) => connection.query<R>(text, values, options));
  }

  async close(): Promise<void> {
    await this.#queue;
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
    const opened = await this.#connection;
    this.#opened += 1;
    return opened;
  }
}

/** Errors that speak of central as a whole say so; those with an SQLSTATE keep it for who has to decide. */
function centralError(error: unknown): unknown {
  if (error instanceof TributaryError || kindOf(error) === 'internal') return error;
  if (sqlstateOf(error) !== undefined && kindOf(error) !== 'misconfigured') return error;
  return new TributaryError(sentenceFor(error, 'Central'), {
    code: 'central',
    kind: kindOf(error),
    cause: error,
  });
}
