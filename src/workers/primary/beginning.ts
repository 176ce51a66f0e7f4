// Before a host works: is this our central, and how many workers does the file want? Central is waited for.
import type { CentralLink } from '../../central/central-link.ts';
import { readIdentity } from '../../central/identity.ts';
import { refuseYounger } from '../../central/younger.ts';
import type { Config } from '../../config/config.ts';
import { syncWorkers } from '../../coordination/worker-pool.ts';
import { kindOf } from '../../errors/sqlstate.ts';
import { backoffMs } from '../../lifecycle/backoff.ts';
import { wait } from '../../lifecycle/wait.ts';
import type { WorkedQueue } from './starts.ts';

const TROUBLE = { firstMs: 200, maxMs: 5_000 };

export interface BeginningOptions {
  readonly config: Config;
  readonly queues: readonly WorkedQueue[];
  readonly signal: AbortSignal;
  onTrouble(error: unknown): void;
}

/**
 * @returns false where it was told to stop meanwhile.
 * @throws misconfigured where central is not installed, is another installation's, or refuses us for good.
 */
export async function begin(
  control: CentralLink,
  { config, queues, signal, onTrouble }: BeginningOptions,
): Promise<boolean> {
  for (let failures = 1; !signal.aborted; failures += 1) {
    try {
      await readIdentity(control, config.name);
      await refuseYounger(control);
      await control.use(async (connection) => {
        for (const { name, workers } of queues) await syncWorkers(connection, name, workers);
      });
      return true;
    } catch (error) {
      if (kindOf(error) !== 'retryable') throw error;
      onTrouble(error);
      await wait(backoffMs(failures, TROUBLE), signal);
    }
  }
  return false;
}
