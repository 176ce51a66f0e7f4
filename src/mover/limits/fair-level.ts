// Divides room among those that want some of it: all get the same, none more than it wants. Pure.

export interface Claimant {
  readonly wants: number;
  /** What it had beyond its share before: it gets nothing until the level is above that. */
  readonly over: number;
}

/** The level up to which each gets its part, so that all together get `room`; infinite where that is enough for all. */
export function fairLevel(room: number, claimants: readonly Claimant[]): number {
  const total = claimants.reduce((sum, { wants }) => sum + wants, 0);
  if (total <= room) return Number.POSITIVE_INFINITY;
  // Between two of these levels the same ones go on getting more.
  const turns = claimants
    .filter(({ wants }) => wants > 0)
    .flatMap(({ wants, over }) => [
      { at: over, change: 1 },
      { at: over + wants, change: -1 },
    ])
    .sort((a, b) => a.at - b.at);
  let [level, getting, left] = [0, 0, Math.max(0, room)];
  for (const { at, change } of turns) {
    if (getting * (at - level) > left) break;
    left -= getting * (at - level);
    level = at;
    getting += change;
  }
  return getting === 0 ? level : level + left / getting;
}
