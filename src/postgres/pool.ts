// A few connections to one database for occasional queries: pg-pool opens them, keeps them and closes them.
//
// Invariant: a connection on which anything failed is never used again.
import pg from 'pg';
import type { Database } from '../config/config.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { type ClientOptions, clientConfig } from './client-config.ts';
import { Connection } from './connection.ts';

export interface PoolOptions extends ClientOptions {
  /** The database that errors name. */
  readonly owner: string;
  /** Most connections at once; further calls wait. */
  readonly most: number;
}

export class ConnectionPool {
  readonly #database: Database;
  readonly #options: PoolOptions;
  readonly #connections = new WeakMap<object, Connection>();
  #pool: pg.Pool;

  constructor(database: Database, options: PoolOptions) {
    this.#database = database;
    this.#options = options;
    const { tls } = database;
    this.#pool = this.#newPool(tls.mode === 'prefer' ? { ...tls, mode: 'require' } : tls);
  }

  /** Calls `work` with a connection. @throws what pg throws when the server cannot be reached or refuses. */
  async use<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const client = await this.#connect();
    const connection = this.#connections.get(client) as Connection;
    let isWell = false;
    try {
      const result = await work(connection);
      isWell = !connection.failed;
      return result;
    } finally {
      // Where the server ends a connection, the error comes before the end.
      client.release(!isWell);
    }
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  async #connect(): Promise<pg.PoolClient> {
    const pool = this.#pool;
    try {
      return await pool.connect();
    } catch (error) {
      const isWithoutTls = /does not support SSL/i.test(error instanceof Error ? error.message : '');
      if (this.#database.tls.mode !== 'prefer' || !isWithoutTls) throw error;
      // Later calls get the new pool.
      if (pool === this.#pool) {
        this.#pool = this.#newPool({ mode: 'off' });
        void pool.end();
      }
      return await this.#pool.connect();
    }
  }

  #newPool(tls: Database['tls']): pg.Pool {
    const database = { ...this.#database, tls };
    const { most, owner } = this.#options;
    const connections = this.#connections;
    class OwnClient extends pg.Client {
      constructor(config?: string | pg.ClientConfig) {
        super(config);
        connections.set(this, Connection.over(this, database, owner));
      }
    }
    const pool = new pg.Pool({
      ...clientConfig(database, this.#options),
      max: most,
      idleTimeoutMillis: TIMING.http.poolIdleMs,
      Client: OwnClient as unknown as new () => pg.ClientBase,
    });
    // An error of an idle connection: another one is opened when it is needed.
    pool.on('error', () => {});
    return pool;
  }
}
