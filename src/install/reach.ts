// Reaching many databases at once: bounded per server, not over all, so that a server which does not answer holds up nobody
// else's databases.
import pLimit, { type LimitFunction } from 'p-limit';
import type { Database } from '../config/config.ts';
import { Connection, type ConnectOptions } from '../postgres/connection.ts';

/** Connections to one server at a time. */
const PER_SERVER = 16;

export class Reach {
  readonly #limits = new Map<string, LimitFunction>();
  readonly #options: ConnectOptions;

  constructor(options: ConnectOptions) {
    this.#options = options;
  }

  /** Opens, uses, closes. @throws what `use` or the driver throws. */
  use<T>(database: Database, use: (connection: Connection) => Promise<T>): Promise<T> {
    return this.#limitOf(database)(async () => {
      const connection = await Connection.open(database, this.#options);
      try {
        return await use(connection);
      } finally {
        await connection.close();
      }
    });
  }

  #limitOf({ host, port }: Database): LimitFunction {
    const server = `${host}:${port}`;
    const limit = this.#limits.get(server) ?? pLimit(PER_SERVER);
    this.#limits.set(server, limit);
    return limit;
  }
}
