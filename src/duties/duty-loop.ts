// One of the things that the holder of central's upkeep does, turn after turn over a connection of its own, until it is stopped.
import type { CentralLink } from '../central/central-link.ts';
import type { WatchedService } from '../lifecycle/service-set.ts';
import { wait } from '../lifecycle/wait.ts';

export interface Duty {
  readonly name: string;
  /** Steps of long turns, which show that it does not stand still. */
  readonly steps?: number;
  /** Never throws. @returns how long there is nothing to do, in ms. */
  runOnce(): Promise<number>;
}

export class DutyLoop implements WatchedService {
  readonly #link: CentralLink;
  readonly #duty: Duty;
  readonly #stopped = new AbortController();
  #turns = 0;

  /** @param link used by this duty alone, and closed when it ends. */
  constructor(link: CentralLink, duty: Duty) {
    this.#link = link;
    this.#duty = duty;
  }

  get name(): string {
    return this.#duty.name;
  }

  get turns(): number {
    return this.#turns + (this.#duty.steps ?? 0);
  }

  async run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      const restMs = await this.#duty.runOnce();
      this.#turns += 1;
      await wait(restMs, signal);
    }
    await this.#link.close();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
  }

  abandon(): void {
    this.#stopped.abort();
    this.#link.abandon();
  }
}
