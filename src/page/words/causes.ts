// What needs somebody, grouped by cause. Pure.
import type { DashboardState } from '../../http/dashboard/state.ts';

type Needed = DashboardState['diagnoses'][number];

type Group = readonly [Needed, ...Needed[]];

/** In the order of the worst of each, and within a cause in the order in which they came. */
export function groupedByCause(diagnoses: readonly Needed[]): Group[] {
  const groups = new Map<string, [Needed, ...Needed[]]>();
  for (const diagnosis of diagnoses) {
    const key = `${diagnosis.severity} ${diagnosis.cause}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [diagnosis]);
    else group.push(diagnosis);
  }
  return [...groups.values()];
}
