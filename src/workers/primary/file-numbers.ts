// Numbers of workers that were changed in the file while it runs. Where the file says `install: auto` they count at once, as `install`
// would have it; else what was installed does, and that is said. With the numbers comes whether the file is to be read again.
import type { CentralLink } from '../../central/central-link.ts';
import type { Config } from '../../config/config.ts';
import type { Worked } from '../../config/worked.ts';
import { installWorkers, readWantedWorkers, type WantedWorkers } from '../../coordination/worker-pool.ts';
import { type FileReport, readAsked } from '../../fleet/file-requests.ts';
import { compareNumbers, type OtherNumber } from './wait-for-central.ts';

export interface FileNumbersOptions {
  /** Always the newest one. */
  readonly config: Config;
  readonly control: Pick<CentralLink, 'use' | 'query'>;
  /** What is reported of the file. */
  readonly file: FileReport | undefined;
  onOtherNumber(other: OtherNumber): void;
}

export class FileNumbers {
  readonly #options: FileNumbersOptions;
  #changed = new Map<string, Worked>();

  constructor(options: FileNumbersOptions) {
    this.#options = options;
  }

  /** These have another number since the file was read again. */
  changed(queues: readonly Worked[]): void {
    for (const queue of queues) this.#changed.set(queue.name, queue);
  }

  /** @returns how many are wanted now. @throws where central cannot be reached; what is open then is done the next time. */
  async read(): Promise<readonly WantedWorkers[]> {
    const { control, file } = this.#options;
    const pools = await control.use(readWantedWorkers);
    file?.noteAsked(await readAsked(control));
    await this.#settle(pools);
    return pools;
  }

  async #settle(pools: readonly WantedWorkers[]): Promise<void> {
    const { config, control, onOtherNumber } = this.#options;
    const others: OtherNumber[] = [];
    compareNumbers(pools, [...this.#changed.values()], (other) => others.push(other));
    for (const other of others) {
      // A queue that is new gets its number when it is installed.
      if (config.install !== 'auto') onOtherNumber(other);
      else if (other.installed !== undefined)
        await control.use((central) => installWorkers(central, other.queue, other.file));
    }
    this.#changed.clear();
  }
}
