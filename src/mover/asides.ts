// Large windows of one shard, each read over a connection of its own while the shard's other queues go on.
//
// Invariant: a source that is read aside is in no round and is not begun anew until its aside has ended and all of its
// parcels have: then it goes on from central's position.
import type { Shard } from '../config/config.ts';
import { Connection } from '../postgres/connection.ts';
import { copyWindows, type Found } from './copy-windows.ts';
import { handOnEmpty } from './empty-windows.ts';
import type { MoverContext } from './mover-context.ts';
import { copySorted } from './reading-poison.ts';
import type { Source } from './source.ts';

/** Ten million events are sorted in this time also by a server that is busy with others. */
const FIRST_BYTE_MS = 300_000;

export class Asides {
  readonly #shard: Shard;
  readonly #context: MoverContext;
  /** Called when one has ended, well or not: its source goes on from central's position. */
  readonly #onEnded: () => void;
  readonly #running = new Set<Promise<void>>();
  readonly #connections = new Set<Connection>();
  #isEnding = false;

  constructor(shard: Shard, { context, onEnded }: { context: MoverContext; onEnded: () => void }) {
    this.#shard = shard;
    this.#context = context;
    this.#onEnded = onEnded;
  }

  begin(found: Found): void {
    found.source.isAside = true;
    const running = this.#read(found)
      .catch((error: unknown) => this.#blame(found.source, error))
      .then(() => {
        // First free, then told: who begins anew passes over sources that are still aside.
        found.source.isAside = false;
        this.#running.delete(running);
        this.#onEnded();
      });
    this.#running.add(running);
  }

  /** Gives up what is being read; what was read whole is committed. Resolves when all has ended. */
  async end(): Promise<void> {
    this.#isEnding = true;
    for (const connection of this.#connections) connection.destroy();
    await Promise.all(this.#running);
  }

  async #read(found: Found): Promise<void> {
    const { config } = this.#context;
    const connection = await Connection.open(this.#shard, {
      applicationName: `tributary mover ${config.name} aside`,
    });
    this.#connections.add(connection);
    if (this.#isEnding) connection.destroy();
    try {
      const label = `Source ${this.#shard.name}:${found.source.queue}`;
      const options = { context: this.#context, label, firstByteMs: FIRST_BYTE_MS };
      const { settled } = await copySorted(connection, found, {
        copy: (one) => copyWindows(connection, [one], options),
        condemning: this.#context.condemning,
      });
      found.source.succeeded('read');
      found.source.isSlow = false;
      // What central did not take is told by the gatherer.
      const errors = await settled;
      // Begun anew it would be read once more, for ever: the events of a window may be those of a transaction that is still open.
      if (errors.every((error) => error === undefined)) await handOnEmpty(found.source, this.#context);
    } catch (error) {
      await (error as { settled?: Promise<unknown> }).settled;
      throw error;
    } finally {
      this.#connections.delete(connection);
      connection.destroy();
    }
  }

  #blame(source: Source, error: unknown): void {
    if (this.#isEnding) return;
    source.failed(error, 'read');
    this.#context.onOccurrence({ kind: 'source-trouble', shard: source.shard, queue: source.queue, error });
  }
}
