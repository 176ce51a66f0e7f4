// Ticks that two databases have in common: one is a copy of the other up to there. Pure.
import { type Fingerprint, sameTick } from '../central/position.ts';

/** The newest tick that both have, by its fingerprint: numbers alone are given out by every server. */
export function commonTick(
  one: readonly Fingerprint[],
  other: readonly Fingerprint[],
): Fingerprint | undefined {
  const byId = new Map(other.map((tick) => [tick.id, tick]));
  return [...one]
    .sort((a, b) => b.id - a.id)
    .find((tick) => {
      const twin = byId.get(tick.id);
      return twin !== undefined && sameTick(tick, twin);
    });
}
