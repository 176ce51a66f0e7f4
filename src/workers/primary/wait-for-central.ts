// Before a host works: waits for central, checks that it is ours, and compares the file's numbers of workers with those that
// were installed. The installed number counts: a host that starts with an old file changes nothing for the others.
import type { CentralLink } from '../../central/central-link.ts';
import { assertSchema } from '../../central/fit/schema-version.ts';
import { refuseYounger } from '../../central/fit/younger.ts';
import { readIdentity } from '../../central/identity.ts';
import type { Config } from '../../config/config.ts';
import type { Worked } from '../../config/worked.ts';
import { readWantedWorkers, type WantedWorkers } from '../../coordination/worker-pool.ts';
import { kindOf } from '../../errors/sqlstate.ts';
import { retry } from '../../lifecycle/retry.ts';
import { SaidOnce } from '../../lifecycle/said-once.ts';
import { TIMING } from '../../lifecycle/timing.ts';

export interface WaitForCentralOptions {
  readonly config: Config;
  readonly queues: readonly Worked[];
  readonly signal: AbortSignal;
  onTrouble(error: unknown): void;
  /** The file wants another number than was installed, which is the one that counts; undefined: the queue was not. */
  onOtherNumber(other: OtherNumber): void;
}

/** `installed` undefined: `install` has not seen the queue. */
export interface OtherNumber {
  readonly queue: string;
  readonly file: number;
  readonly installed: number | undefined;
}

/** Calls `onOtherNumber` for each queue whose number in the file is not the one that was installed. */
export function compareNumbers(
  pools: readonly WantedWorkers[],
  queues: readonly Worked[],
  onOtherNumber: WaitForCentralOptions['onOtherNumber'],
): void {
  const byQueue = new Map(pools.map((pool) => [pool.queue, pool]));
  for (const { name, workers } of queues) {
    const installed = byQueue.get(name)?.fileWanted;
    if (installed !== workers) onOtherNumber({ queue: name, file: workers, installed });
  }
}

/**
 * @returns false where it was stopped meanwhile.
 * @throws misconfigured where central is not installed, is another installation's, or refuses us for good.
 */
export async function waitForCentral(
  control: CentralLink,
  { config, queues, signal, onTrouble, onOtherNumber }: WaitForCentralOptions,
): Promise<boolean> {
  const look = async () => {
    await readIdentity(control, config.name);
    await assertSchema(control);
    await refuseYounger(control);
    compareNumbers(await control.use(readWantedWorkers), queues, onOtherNumber);
    return true;
  };
  const said = new SaidOnce(onTrouble);
  const isReady = await retry(look, {
    backoff: TIMING.connections.centralTrouble,
    signal,
    onFailure(error) {
      if (kindOf(error) !== 'retryable') throw error;
      said.say(error);
    },
  });
  return isReady === true;
}
