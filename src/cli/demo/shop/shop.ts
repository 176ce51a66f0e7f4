// The shop: two tills on every shard, which together insert events at the rate of the demo.
import { setMaxListeners } from 'node:events';
import type { Config } from '../../../config/config.ts';
import { Connection } from '../../../postgres/connection.ts';
import { Till } from './till.ts';

const TILLS = 2;

export class Shop {
  readonly #connections: readonly Connection[];
  readonly #closed = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  #ended: Promise<unknown> | undefined;

  private constructor(connections: readonly Connection[]) {
    this.#connections = connections;
    setMaxListeners(0, this.#closed.signal);
  }

  /** Opens at once. @param eventsPerSecond over all shards. @param onTrouble a till failed while the shop was open. */
  static async open(
    { shards }: Config,
    {
      eventsPerSecond,
      onTrouble,
    }: { readonly eventsPerSecond: number; readonly onTrouble: (error: unknown) => void },
  ): Promise<Shop> {
    const connections = await Promise.all(
      shards.flatMap((shard) =>
        Array.from({ length: TILLS }, () => Connection.open(shard, { applicationName: 'shop' })),
      ),
    );
    const shop = new Shop(connections);
    shop.#running = Promise.all(
      connections.map((connection, at) => {
        const till = new Till(connection, `till ${(at % TILLS) + 1}`, eventsPerSecond / connections.length);
        return till.run(shop.#closed.signal).catch((error: unknown) => {
          if (!shop.#closed.signal.aborted) onTrouble(error);
        });
      }),
    );
    return shop;
  }

  /** The transactions at hand are ended. */
  async close(): Promise<void> {
    this.#closed.abort();
    this.#ended ??= this.#running.then(() =>
      Promise.all(this.#connections.map((connection) => connection.close())),
    );
    await this.#ended;
  }
}
