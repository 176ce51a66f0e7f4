// Upkeep of central by a host of workers, while no mover does it: without ticks and moved retries, events that were put off
// would never be handed out again.
import type { Config } from '../../config/config.ts';
import { CentralDuties } from '../../duties/central-duties.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import type { SeenLoop } from '../../lifecycle/watchdog.ts';

export interface CentralDutyOptions {
  /** Always the newest one. */
  readonly config: Config;
  onTrouble(error: unknown): void;
}

/** Begun and ended with the term of `CENTRAL_RESOURCE`. */
export class CentralDuty {
  readonly #options: CentralDutyOptions;
  #running: Running | undefined;

  constructor(options: CentralDutyOptions) {
    this.#options = options;
  }

  /** What runs. */
  get loops(): readonly SeenLoop[] {
    return this.#running === undefined ? [] : [this.#running.upkeep];
  }

  begin(): void {
    if (this.#running !== undefined) return;
    const { config, onTrouble } = this.#options;
    const upkeep = new CentralDuties(config, {
      onTrouble: (_what, error) => onTrouble(error),
      onRotation: () => {},
    });
    this.#running = { upkeep, ended: upkeep.run() };
  }

  async end(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    await ended(running);
  }

  /** Where it runs, it begins anew, with the configuration as it is now. */
  async renew(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    await ended(running);
    if (this.#running !== running) return;
    this.#running = undefined;
    this.begin();
  }
}

interface Running {
  readonly upkeep: CentralDuties;
  readonly ended: Promise<void>;
}

async function ended(running: Running | undefined): Promise<void> {
  await running?.upkeep.stop();
  // A central that does not answer is not waited for.
  const timer = setTimeout(() => running?.upkeep.abandon(), TIMING.pool.goodbyeMs);
  await running?.ended;
  clearTimeout(timer);
}
