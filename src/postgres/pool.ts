// A few connections to one database for occasional queries: pg-pool opens them, keeps them and closes them.
//
// Invariant: a connection on which anything failed is never used again.
import type pg from 'pg';
import type { Database } from '../config/config.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { type ClientOptions, clientConfig } from './client-config.ts';
import { Connection } from './connection.ts';
import { driver } from './driver.ts';
import { atPlace, lastPrimary, type Place } from './primary.ts';

export interface PoolOptions extends ClientOptions {
  /** The database that errors name. */
  readonly owner: string;
  /** Most connections at once; further calls wait. */
  readonly most: number;
}

export class ConnectionPool {
  readonly #database: Database;
  readonly #options: PoolOptions;
  #tls: Database['tls'];
  readonly #connections = new WeakMap<object, Connection>();
  #pool: pg.Pool;
  /** Of several servers: the one that the pool leads to, and the search for it. */
  #place: Place | undefined;
  #search: Promise<void> | undefined;

  constructor(database: Database, options: PoolOptions) {
    this.#database = database;
    this.#options = options;
    const { tls } = database;
    this.#tls = tls.mode === 'prefer' ? { ...tls, mode: 'require' } : tls;
    this.#pool = this.#newPool();
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
      if (!isWell) this.#search = undefined;
      // Where the server ends a connection, the error comes before the end.
      client.release(!isWell);
    }
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  /** Where there are several servers and a call has failed, or none was made yet: looks which one takes writes. */
  async #findPrimary(): Promise<void> {
    const { servers } = this.#database;
    if (servers === undefined) return;
    this.#search ??= this.#searchAmong(servers);
    const search = this.#search;
    try {
      await search;
    } catch (error) {
      if (this.#search === search) this.#search = undefined;
      throw error;
    }
  }

  async #searchAmong(servers: NonNullable<Database['servers']>): Promise<void> {
    const probe = await Connection.open(this.#database, this.#options);
    await probe.close();
    const place = lastPrimary(servers) as Place;
    const before = this.#place;
    this.#place = place;
    if (before?.host === place.host && before.port === place.port && before.address === place.address) return;
    const old = this.#pool;
    this.#pool = this.#newPool();
    void old.end();
  }

  async #connect(): Promise<pg.PoolClient> {
    await this.#findPrimary();
    const pool = this.#pool;
    try {
      return await pool.connect();
    } catch (error) {
      this.#search = undefined;
      const isWithoutTls = /does not support SSL/i.test(error instanceof Error ? error.message : '');
      if (this.#database.tls.mode !== 'prefer' || !isWithoutTls) throw error;
      // Later calls get the new pool.
      if (pool === this.#pool) {
        this.#tls = { mode: 'off' };
        this.#pool = this.#newPool();
        void pool.end();
      }
      return await this.#pool.connect();
    }
  }

  #newPool(): pg.Pool {
    const place = this.#place;
    const at = place === undefined ? this.#database : atPlace(this.#database, place);
    const database = { ...at, tls: this.#tls };
    const { most, owner } = this.#options;
    const connections = this.#connections;
    class OwnClient extends driver.Client {
      constructor(config?: string | pg.ClientConfig) {
        super(config);
        connections.set(this, Connection.over(this, database, owner));
      }
    }
    const pool = new driver.Pool({
      ...clientConfig(database, {
        ...this.#options,
        ...(place?.address === undefined ? {} : { address: place.address }),
      }),
      max: most,
      idleTimeoutMillis: TIMING.http.poolIdleMs,
      Client: OwnClient as unknown as new () => pg.ClientBase,
    });
    // An error of an idle connection: another one is opened when it is needed.
    pool.on('error', () => {
      this.#search = undefined;
    });
    return pool;
  }
}
