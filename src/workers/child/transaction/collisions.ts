// Deadlocks and serialization failures: a collision with another transaction, which says nothing about the events.
import { sqlstateOf } from '../../../errors/sqlstate.ts';

/** How often it is tried again at once. */
export const RERUNS = 2;

export function isCollision(error: unknown): boolean {
  return ['40001', '40P01'].includes(sqlstateOf(error) ?? '');
}
