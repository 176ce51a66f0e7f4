// Large windows of one shard, each read over a connection of its own while the shard's other queues go on.
//
// Invariant: a source that is read alone is in no round and is not begun anew until that reading has ended and all of its
// parcels have: then it goes on from central's position.
import type { Shard } from '../../config/config.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import type { Loop } from '../../lifecycle/watchdog.ts';
import { Connection } from '../../postgres/connection.ts';
import type { MoverContext } from '../context.ts';
import type { Source } from '../source/source.ts';
import { copyOne, isPausing } from './copy-windows.ts';
import { handOnEmpty } from './empty-windows.ts';
import type { Found } from './found.ts';

/** One of them, as the watchdog sees it. */
class LargeWindow implements Loop {
  readonly name: string;
  #connection: Connection | undefined;

  constructor(name: string) {
    this.name = name;
  }

  reads(connection: Connection): void {
    this.#connection = connection;
  }

  /** Bytes from the shard are progress: looking for events that cannot be read takes many readings. */
  get turns(): number {
    return this.#connection?.received ?? 0;
  }

  abandon(): void {
    this.#connection?.destroy();
  }
}

export class LargeWindows {
  readonly #shard: Shard;
  readonly #context: MoverContext;
  /** Called when one has ended, well or not: its source goes on from central's position. */
  readonly #onEnded: () => void;
  readonly #running = new Set<Promise<void>>();
  readonly #open = new Set<LargeWindow>();
  #isEnding = false;

  constructor(shard: Shard, { context, onEnded }: { context: MoverContext; onEnded: () => void }) {
    this.#shard = shard;
    this.#context = context;
    this.#onEnded = onEnded;
  }

  begin(found: Found): void {
    const { source } = found;
    source.readAlone();
    const large = new LargeWindow(`large window of ${source.shard}:${source.queue}`);
    let giveUp = () => {};
    const stoodStill = new Promise<void>((resolve) => {
      giveUp = resolve;
    });
    const unwatch = this.#context.watchdog.watch(large, giveUp);
    const read = this.#read(found, large).catch((error: unknown) => this.#blame(source, error));
    const running = Promise.race([read, stoodStill]).then(() => {
      unwatch();
      // Before the call below: a loop that begins anew passes over sources that are still read alone.
      source.readAloneEnded();
      this.#running.delete(running);
      this.#onEnded();
    });
    this.#running.add(running);
  }

  /** Gives up windows that are being read; those that were read whole are committed. Resolves when all have ended. */
  async end(): Promise<void> {
    this.#isEnding = true;
    for (const large of this.#open) large.abandon();
    await Promise.all(this.#running);
  }

  async #read(found: Found, large: LargeWindow): Promise<void> {
    const connection = await Connection.open(this.#shard, {
      applicationName: `${this.#context.sessions} large window`,
    });
    this.#open.add(large);
    large.reads(connection);
    if (this.#isEnding) large.abandon();
    try {
      const label = `Source ${this.#shard.name}:${found.source.queue}`;
      const options = { context: this.#context, label, firstByteMs: TIMING.reading.largeWindowMs };
      const { settled, failure } = await copyOne(connection, found, options);
      if (failure !== undefined) {
        await settled;
        throw failure;
      }
      found.source.succeeded('read');
      found.source.keptPace();
      // The gatherer reports what central did not take.
      const errors = await settled;
      // Begun anew it would be read once more, for ever: the events of a window may be those of a transaction that is still open.
      if (errors.every((error) => error === undefined)) await handOnEmpty(found.source, this.#context);
    } finally {
      this.#open.delete(large);
      connection.destroy();
    }
  }

  #blame(source: Source, error: unknown): void {
    // An operator's pause ends it as well, and so does a central queue without room.
    if (this.#isEnding || source.isPaused || isPausing(error)) return;
    source.failed(error, 'read');
    this.#context.onOccurrence({ kind: 'source-trouble', shard: source.shard, queue: source.queue, error });
  }
}
