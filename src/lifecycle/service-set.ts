// Services that run under names: begun, ended, and begun anew where one stands still.
//
// Invariant: of one name at most one service runs: a new one waits until the one before has ended. Only a service that
// stands still is not waited for: it is abandoned, and nothing it does from then on may count.
// Fails by: a service that rejects is a defect and ends the process, as any unhandled rejection does.
import type { Service } from './service.ts';
import type { Loop, Watchdog } from './watchdog.ts';

/** A service whose loop can be seen going round. */
export interface WatchedService extends Service, Loop {}

interface Entry<S> {
  readonly service: S;
  readonly ended: Promise<void>;
  isLeaving: boolean;
  /** To be begun again once it has ended. */
  isReturning: boolean;
}

export class ServiceSet<S extends WatchedService> {
  readonly #create: (name: string) => S;
  readonly #watchdog: Watchdog;
  readonly #entries = new Map<string, Entry<S>>();

  constructor(watchdog: Watchdog, create: (name: string) => S) {
    this.#watchdog = watchdog;
    this.#create = create;
  }

  /** Those that run and were not asked to end. */
  get services(): readonly S[] {
    return [...this.#entries.values()].filter(({ isLeaving }) => !isLeaving).map(({ service }) => service);
  }

  /** All that run, those that end among them. */
  get all(): readonly S[] {
    return [...this.#entries.values()].map(({ service }) => service);
  }

  /** The names of all that run. */
  get names(): readonly string[] {
    return [...this.#entries.keys()];
  }

  /** The one of that name, also while it ends. */
  get(name: string): S | undefined {
    return this.#entries.get(name)?.service;
  }

  /** Whether it ends. */
  isLeaving(name: string): boolean {
    return this.#entries.get(name)?.isLeaving === true;
  }

  begin(name: string): void {
    const before = this.#entries.get(name);
    if (before !== undefined) {
      before.isReturning = before.isLeaving;
      return;
    }
    const service = this.#create(name);
    let giveUp = () => {};
    const stoodStill = new Promise<void>((resolve) => {
      giveUp = resolve;
    });
    const unwatch = this.#watchdog.watch(service, () => {
      entry.isReturning ||= !entry.isLeaving;
      giveUp();
    });
    const ended = Promise.race([service.run(), stoodStill]);
    const entry: Entry<S> = { service, ended, isLeaving: false, isReturning: false };
    this.#entries.set(name, entry);
    void ended.then(() => {
      unwatch();
      this.#entries.delete(name);
      if (entry.isReturning) this.begin(name);
    });
  }

  /** Stops it synchronously, before anything else happens; resolves when it has ended. One begun later is not touched. */
  async end(name: string): Promise<void> {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    entry.isLeaving = true;
    entry.isReturning = false;
    await Promise.race([entry.service.stop(), entry.ended]);
    await entry.ended;
  }

  async endAll(): Promise<void> {
    await Promise.all(this.names.map((name) => this.end(name)));
  }

  /** Begins it anew, once it has ended: with what it is made from now. Does nothing where it does not run, or ends. */
  restart(name: string): void {
    const entry = this.#entries.get(name);
    if (entry === undefined || entry.isLeaving) return;
    void this.end(name);
    this.begin(name);
  }
}
