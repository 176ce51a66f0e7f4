// Installs that run at once collide in catalogs that a whole server shares (roles, memberships) and in first registrations.
// Every step can be made twice, so the one that fails simply tries again.
import { sqlstateOf } from '../errors/sqlstate.ts';
import { retry } from '../lifecycle/retry.ts';
import { TIMING } from '../lifecycle/timing.ts';

const ATTEMPTS = 6;

/** Calls `attempt` again where it collided with another install. */
export async function retrying<T>(attempt: () => Promise<T>): Promise<T> {
  const result = await retry(attempt, {
    backoff: TIMING.install.collisions,
    onFailure(error, { failures }) {
      if (failures >= ATTEMPTS || !lostRace(error)) throw error;
    },
  });
  return result as T;
}

function lostRace(error: unknown): boolean {
  const code = sqlstateOf(error);
  if (code === 'XX000') return error instanceof Error && /concurrently/.test(error.message);
  // Unique violation, deadlock, serialization, an object or role that the other one has just made.
  return code !== undefined && ['23505', '40P01', '40001', '42710', '42P06', '42P07', '42723'].includes(code);
}
