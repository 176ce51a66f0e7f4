// Tells systemd how a service is: ready, stopping, alive. Its socket is one that Node cannot open, so that the word goes by
// `systemd-notify`, which is wherever systemd is.
//
// Invariant: a process without a sign of life from one of its loops says no more that it is alive: systemd then replaces it.
import { execFile } from 'node:child_process';
import type { Logger } from 'pino';
import type { Part } from '../http/health/parts.ts';
import { TIMING } from '../lifecycle/timing.ts';

const PROGRAM = 'systemd-notify';

export interface ServiceManagerOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly parts: readonly Pick<Part, 'still'>[];
  readonly log: Pick<Logger, 'warn'>;
}

export class ServiceManager {
  readonly #env: NodeJS.ProcessEnv;
  readonly #options: ServiceManagerOptions;
  readonly #everyMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #hasFailed = false;

  private constructor(options: ServiceManagerOptions) {
    this.#options = options;
    this.#env = { ...options.env };
    const { WATCHDOG_USEC, WATCHDOG_PID } = options.env;
    const limitMs = Number(WATCHDOG_USEC) / 1_000;
    const isMeant = WATCHDOG_PID === undefined || Number(WATCHDOG_PID) === process.pid;
    this.#everyMs = isMeant && limitMs > 0 ? limitMs / 3 : undefined;
  }

  /** Undefined where no service manager waits for a word. Children get none of its variables: they are not the service. */
  static from(options: ServiceManagerOptions): ServiceManager | undefined {
    if (!options.env.NOTIFY_SOCKET) return undefined;
    const manager = new ServiceManager(options);
    for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete process.env[name];
    return manager;
  }

  /** @param status for `systemctl status`. */
  ready(status: string): void {
    this.#say('READY=1', `STATUS=${status}`);
    if (this.#everyMs === undefined) return;
    this.#timer = setInterval(() => this.#alive(), this.#everyMs).unref();
    this.#alive();
  }

  /** Alive as long as it takes to drain; how long that may be is a limit of its own. */
  stopping(): void {
    this.#say('STOPPING=1', 'STATUS=finishing what was begun');
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #alive(): void {
    if (this.#options.parts.every(({ still }) => still.length === 0)) this.#say('WATCHDOG=1');
  }

  #say(...words: string[]): void {
    execFile(PROGRAM, words, { env: this.#env, timeout: TIMING.commands.notifyMs }, (error) => {
      if (error === null || this.#hasFailed) return;
      this.#hasFailed = true;
      this.#options.log.warn(
        `systemd waits for a word of this service, and ${PROGRAM} does not bring it: ${error.message.split('\n')[0]}`,
      );
    });
  }
}
