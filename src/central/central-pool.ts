// A few connections to central for looking, beside those that move and handle.
import type { Config } from '../config/config.ts';
import type { CallOptions, Connection, Row } from '../postgres/connection.ts';
import { ConnectionPool } from '../postgres/pool.ts';
import { centralError } from './central-link.ts';

export class CentralPool {
  readonly #pool: ConnectionPool;

  /** @param purpose shown in pg_stat_activity before the installation's name. */
  constructor(config: Config, { purpose, most }: { readonly purpose: string; readonly most: number }) {
    const applicationName = `tributary ${purpose} ${config.name}`;
    this.#pool = new ConnectionPool(config.central, { applicationName, owner: 'Central', most });
  }

  async use<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    try {
      return await this.#pool.use(work);
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
    await this.#pool.close();
  }
}
