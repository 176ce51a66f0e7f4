// A mover starts while central is away just as it goes on while central is away later.

import type { CentralLink } from '../central/central-link.ts';
import { assertSchema } from '../central/fit/schema-version.ts';
import { type Identity, readIdentity } from '../central/identity.ts';
import { kindOf } from '../errors/sqlstate.ts';
import { retry } from '../lifecycle/retry.ts';
import { SaidOnce } from '../lifecycle/said-once.ts';
import { TIMING } from '../lifecycle/timing.ts';

export interface IdentityOptions {
  /** The installation's name in the file. */
  readonly name: string;
  readonly signal: AbortSignal;
  readonly onTrouble: (error: unknown) => void;
}

/**
 * @returns which installation central is; undefined: stopped before central answered.
 * @throws misconfigured where central is not installed, is another installation's or of a newer package, or refuses us for good.
 */
export async function untilIdentified(
  link: CentralLink,
  { name, signal, onTrouble }: IdentityOptions,
): Promise<Identity | undefined> {
  const look = async () => {
    try {
      const identity = await readIdentity(link, name);
      await assertSchema(link);
      return identity;
    } finally {
      await link.close();
    }
  };
  const said = new SaidOnce(onTrouble);
  return await retry(look, {
    backoff: TIMING.connections.centralTrouble,
    signal,
    onFailure(error) {
      if (kindOf(error) !== 'retryable') throw error;
      said.say(error);
    },
  });
}
