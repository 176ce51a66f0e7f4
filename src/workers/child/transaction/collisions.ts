// Deadlocks and serialization failures: what was tried collided with others, which says nothing about its events.
import { sqlstateOf } from '../../../errors/sqlstate.ts';

/** It is tried again at once, so often. */
export const RERUNS = 2;

export function isCollision(error: unknown): boolean {
  return ['40001', '40P01'].includes(sqlstateOf(error) ?? '');
}
