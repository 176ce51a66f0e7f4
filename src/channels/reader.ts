// Reads what is published from central, once for all streams of a process: woken by notifications, and every second or so of its own.
//
// Invariant: what is read goes from tick to tick, so that all readers, also those of other hosts, see one order, and a transaction
// that commits late is never passed over. Nothing is asked of central while nobody listens.
// Fails by: central's trouble; it connects again and goes on where it was. Where central does not know that place any more,
// `onLost` is called, and it begins anew.
import type { Database } from '../config/config.ts';
import { repeat } from '../lifecycle/retry.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { Signal, wait } from '../lifecycle/wait.ts';
import { Connection } from '../postgres/connection.ts';
import type { LivePosition } from './position.ts';
import { PUBLISHED_CHANNEL } from './publish.ts';
import type { ReadMessage } from './recent.ts';

export type ReadTick = Pick<LivePosition, 'tick' | 'at'>;

export interface ReaderOptions {
  readonly central: Database;
  readonly applicationName: string;
  /** All of a tick, in order. */
  onTick(tick: ReadTick, messages: readonly ReadMessage[]): unknown;
  /** Reading begins, or begins anew, behind this tick; what was between is not to be had. */
  onBegin(tick: ReadTick): unknown;
  /** Everything that was committed before the look is read. */
  onCaughtUp(): unknown;
  onTrouble(error: unknown): void;
}

interface Row {
  readonly tick: string | null;
  readonly tick_at: string;
  readonly id: string | null;
  readonly channel: string;
  readonly type: string | null;
  readonly data: string;
  readonly at: string;
}

/** Of one answer; a tick is never cut. */
const MOST_MESSAGES = 5_000;
const READ = `select tick, tick_at, id, channel, type, data,
    to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at
  from tributary.read_published($1, $2, $3)`;

export class PublishedReader {
  readonly #options: ReaderOptions;
  readonly #stopped = new AbortController();
  readonly #woken = new Signal();
  #isWoken = false;
  #last: ReadTick | undefined;
  #running: Promise<void> | undefined;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /** Reads from the oldest that is there, until `stop`. */
  start(): void {
    this.#running ??= repeat((onWell) => this.#session(onWell), {
      backoff: TIMING.live.trouble,
      signal: this.#stopped.signal,
      onFailure: (error) => this.#options.onTrouble(error),
    });
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#woken.notify();
    await this.#running;
  }

  async #session(onWell: () => void): Promise<void> {
    const { central, applicationName } = this.#options;
    const { signal } = this.#stopped;
    const connection = await Connection.open(central, { applicationName, owner: 'Central', signal });
    try {
      connection.client.on('notification', () => this.#wake());
      void connection.closed.then(() => this.#wake());
      // Behind a pooler in transaction mode no notification arrives; then the looks come closer together while messages come.
      await connection.script(`listen ${PUBLISHED_CHANNEL}`);
      let quiet = 0;
      while (!signal.aborted) {
        const wasWoken = this.#isWoken;
        this.#isWoken = false;
        const found = await this.#read(connection);
        onWell();
        if (found === 'more') continue;
        this.#options.onCaughtUp();
        quiet = found === 'some' && !wasWoken ? 0 : quiet + 1;
        // Many small commits are read together.
        if (found === 'some') await wait(TIMING.live.togetherMs, signal);
        const { firstMs, maxMs } = TIMING.live.look;
        if (!this.#isWoken && !signal.aborted)
          await this.#woken.next(Math.min(maxMs, firstMs * 2 ** Math.min(quiet, 20)));
      }
    } finally {
      await connection.close();
    }
  }

  #wake(): void {
    this.#isWoken = true;
    this.#woken.notify();
  }

  async #read(connection: Connection): Promise<'more' | 'some' | 'none'> {
    const last = this.#last;
    const rows = await connection.query<Row>(READ, [last?.tick ?? null, last?.at ?? null, MOST_MESSAGES]);
    let messages: ReadMessage[] = [];
    let count = 0;
    for (const row of rows) {
      if (row.tick === null) {
        this.#last = undefined;
        return 'more';
      }
      const tick = { tick: Number(row.tick), at: Number(row.tick_at) };
      if (row.id !== null) {
        messages.push(messageOf(row, tick.tick));
        continue;
      }
      if (this.#last === undefined) this.#options.onBegin(tick);
      else if (tick.tick > this.#last.tick) this.#options.onTick(tick, messages);
      this.#last = tick;
      count += messages.length;
      messages = [];
    }
    if (count >= MOST_MESSAGES) return 'more';
    return count > 0 ? 'some' : 'none';
  }
}

const messageOf = ({ id, channel, type, data, at }: Row, tick: number): ReadMessage => ({
  ...{ tick, id: Number(id), channel, data, at },
  type: type ?? undefined,
});
