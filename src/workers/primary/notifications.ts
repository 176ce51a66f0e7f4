// Listens for notifications of central: a tick on a queue, a changed number of workers. They only wake: everything polls as well.
import { TICK_CHANNEL } from '../../central/commit/tick-sql.ts';
import type { Database } from '../../config/config.ts';
import { WORKERS_CHANNEL } from '../../coordination/worker-pool.ts';
import { repeat } from '../../lifecycle/retry.ts';
import type { Service } from '../../lifecycle/service.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { untilAborted, wait } from '../../lifecycle/wait.ts';
import { Connection } from '../../postgres/connection.ts';

export interface NotificationsOptions {
  readonly applicationName: string;
  onTick(queue: string): void;
  onScale(queue: string): void;
  /** From now on notifications come; some may have come to nobody before. */
  onListening(): void;
}

/** Behind a pooler in transaction mode no notification arrives; that does no harm. */
export class Notifications implements Service {
  readonly name = 'notifications';
  readonly #central: Database;
  readonly #options: NotificationsOptions;
  readonly #stopped = new AbortController();
  /** Once for all connections: central may fail over many times. */
  readonly #isStopped = untilAborted(this.#stopped.signal);

  constructor(central: Database, options: NotificationsOptions) {
    this.#central = central;
    this.#options = options;
  }

  async run(): Promise<void> {
    await repeat((onWell) => this.#listen(onWell), {
      backoff: TIMING.pool.listenTrouble,
      signal: this.#stopped.signal,
      // The pool's own connection reports what is wrong with central.
      onFailure: () => {},
    });
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
  }

  async #listen(onWell: () => void): Promise<void> {
    const { applicationName, onTick, onScale, onListening } = this.#options;
    const { signal } = this.#stopped;
    const connection = await Connection.open(this.#central, { applicationName, signal });
    try {
      connection.client.on('notification', ({ channel, payload = '' }) => {
        if (channel === TICK_CHANNEL) onTick(payload);
        else onScale(payload);
      });
      await connection.script(`listen ${TICK_CHANNEL}; listen ${WORKERS_CHANNEL}`);
      onWell();
      onListening();
      while (!signal.aborted) {
        await Promise.race([wait(TIMING.pool.askEveryMs, signal), connection.closed]);
        if (!signal.aborted) await Promise.race([connection.query('select'), this.#isStopped]);
      }
    } finally {
      await connection.close();
    }
  }
}
