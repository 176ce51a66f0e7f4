// Large windows of one shard, each read over a connection of its own while the shard's other queues go on.
//
// Invariant: a source that is read aside is in no round and is not begun anew until its aside has ended and all of its
// parcels have: then it goes on from central's position.
import type { Shard } from '../config/config.ts';
import { Connection } from '../postgres/connection.ts';
import { copyWindows, type Found } from './copy-windows.ts';
import type { MoverContext } from './mover-context.ts';

export class Asides {
  readonly #shard: Shard;
  readonly #context: MoverContext;
  /** Called when one has ended otherwise than well. */
  readonly #onTrouble: (error: unknown) => void;
  readonly #running = new Set<Promise<void>>();
  readonly #connections = new Set<Connection>();

  constructor(
    shard: Shard,
    { context, onTrouble }: { context: MoverContext; onTrouble: (error: unknown) => void },
  ) {
    this.#shard = shard;
    this.#context = context;
    this.#onTrouble = onTrouble;
  }

  begin(found: Found): void {
    found.source.isAside = true;
    const running = this.#read(found)
      .then(
        () => undefined,
        (error: unknown) => error,
      )
      .then((error) => {
        // First free, then told: who begins anew passes over sources that are still aside.
        found.source.isAside = false;
        this.#running.delete(running);
        if (error !== undefined) this.#onTrouble(error);
      });
    this.#running.add(running);
  }

  /** Gives up what is being read; what was read whole is committed. Resolves when all has ended. */
  async end(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    await Promise.all(this.#running);
  }

  async #read(found: Found): Promise<void> {
    const { config } = this.#context;
    const connection = await Connection.open(this.#shard, {
      applicationName: `tributary mover ${config.name} aside`,
    });
    this.#connections.add(connection);
    try {
      const { settled } = await copyWindows(connection, [found], {
        context: this.#context,
        label: `Source ${this.#shard.name}:${found.source.queue}`,
      });
      for (const error of await settled) if (error !== undefined) throw error;
    } catch (error) {
      await (error as { settled?: Promise<unknown> }).settled;
      throw error;
    } finally {
      this.#connections.delete(connection);
      connection.destroy();
    }
  }
}
