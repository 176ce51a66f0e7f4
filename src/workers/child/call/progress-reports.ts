// What handlers say of their progress while they run: published outside of their transactions, over a connection of its own that is
// open only while there is something to say.
//
// Invariant: at most a few statements a second, whatever handlers do; of one channel only the newest is kept. It never fails a call.
import type { PublishedMessage } from '../../../channels/message.ts';
import { PUBLISHED_CHANNEL, publishCall } from '../../../channels/publish.ts';
import { TIMING } from '../../../lifecycle/timing.ts';
import { wait } from '../../../lifecycle/wait.ts';
import type { Connection } from '../../../postgres/connection.ts';

/** Channels that wait. */
const MOST_WAITING = 1_000;

export class ProgressReports {
  readonly #open: () => Promise<Connection>;
  readonly #waiting = new Map<string, PublishedMessage>();
  readonly #closed = new AbortController();
  #running: Promise<void> | undefined;
  #connection: Connection | undefined;
  #idle: NodeJS.Timeout | undefined;

  /** @param open a connection to central. */
  constructor(open: () => Promise<Connection>) {
    this.#open = open;
  }

  /** Goes out at once, or a little later where others have just gone. */
  report(message: PublishedMessage): void {
    if (this.#waiting.size >= MOST_WAITING && !this.#waiting.has(message.channel)) return;
    this.#waiting.set(message.channel, message);
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** The call is over: what it has not said yet is no longer true. */
  drop(channel: string): void {
    this.#waiting.delete(channel);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.#running;
    await this.#disconnect();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closed;
    while (this.#waiting.size > 0 && !signal.aborted) {
      const messages = [...this.#waiting.values()];
      this.#waiting.clear();
      await this.#send(messages).catch(() => this.#disconnect());
      await wait(TIMING.live.progressEveryMs, signal);
    }
  }

  async #send(messages: readonly PublishedMessage[]): Promise<void> {
    clearTimeout(this.#idle);
    if (this.#connection?.failed !== false) this.#connection = await this.#open();
    const { text, values } = publishCall(messages);
    await this.#connection.query(`${text}, pg_notify('${PUBLISHED_CHANNEL}', '')`, values);
    this.#idle = setTimeout(() => void this.#disconnect(), TIMING.live.progressIdleMs);
    this.#idle.unref();
  }

  async #disconnect(): Promise<void> {
    clearTimeout(this.#idle);
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.close();
  }
}
