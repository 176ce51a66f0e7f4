// Numbers of workers that were changed in the file while it runs. Where the file says `install: auto` they count at once, as `install`
// would have it; else what was installed does, and that is said.
import type { CentralLink } from '../../central/central-link.ts';
import type { Config } from '../../config/config.ts';
import type { Worked } from '../../config/worked.ts';
import { installWorkers, type WantedWorkers } from '../../coordination/worker-pool.ts';
import { compareNumbers, type OtherNumber } from './wait-for-central.ts';

export interface FileNumbersOptions {
  /** Always the newest one. */
  readonly config: Config;
  readonly control: Pick<CentralLink, 'use' | 'query'>;
  onOtherNumber(other: OtherNumber): void;
}

export class FileNumbers {
  readonly #options: FileNumbersOptions;
  readonly #changed = new Map<string, Worked>();

  constructor(options: FileNumbersOptions) {
    this.#options = options;
  }

  /** These have another number since the file was read again. */
  changed(queues: readonly Worked[]): void {
    for (const queue of queues) this.#changed.set(queue.name, queue);
  }

  /** @param pools as central has them now. @throws where central cannot be reached; what is open then is done the next time. */
  async settle(pools: readonly WantedWorkers[]): Promise<void> {
    const { config, control, onOtherNumber } = this.#options;
    const changed = [...this.#changed.values()];
    this.#changed.clear();
    const others: OtherNumber[] = [];
    compareNumbers(pools, changed, (other) => others.push(other));
    try {
      for (const other of others) {
        // A queue that is new gets its number when it is installed.
        if (config.install !== 'auto') onOtherNumber(other);
        else if (other.installed !== undefined)
          await control.use((central) => installWorkers(central, other.queue, other.file));
      }
    } catch (error) {
      for (const queue of changed) if (!this.#changed.has(queue.name)) this.#changed.set(queue.name, queue);
      throw error;
    }
  }
}
