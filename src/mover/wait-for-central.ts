// A mover starts while central is away just as it goes on while central is away later.

import type { CentralLink } from '../central/central-link.ts';
import { type Identity, readIdentity } from '../central/identity.ts';
import { kindOf } from '../errors/sqlstate.ts';
import { backoffMs } from '../lifecycle/backoff.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { wait } from '../lifecycle/wait.ts';

export interface WaitForCentralOptions {
  /** The installation's name in the file. */
  readonly name: string;
  readonly signal: AbortSignal;
  readonly onTrouble: (error: unknown) => void;
}

/**
 * @returns which installation central is; undefined: stopped before central answered.
 * @throws misconfigured where central is not installed, is another installation's, or refuses us for good.
 */
export async function waitForCentral(
  link: CentralLink,
  { name, signal, onTrouble }: WaitForCentralOptions,
): Promise<Identity | undefined> {
  for (let failures = 1; !signal.aborted; failures += 1) {
    try {
      return await readIdentity(link, name);
    } catch (error) {
      if (kindOf(error) !== 'retryable') throw error;
      onTrouble(error);
      await wait(backoffMs(failures, TIMING.connections.centralTrouble), signal);
    } finally {
      await link.close();
    }
  }
  return undefined;
}
