// What the page shows, as signals: what the server sent last, how the connection is, and where the reader is.
import { computed, signal } from '@preact/signals';
import type { DashboardState, Layout } from '../../http/dashboard/state.ts';
import { hashOf, type Route, routeOf } from '../url/route.ts';
import { clockTime } from '../words/times.ts';

export const layout = signal<Layout | undefined>(undefined);
export const state = signal<DashboardState | undefined>(undefined);
export const link = signal<'connecting' | 'live' | 'lost'>('connecting');
export const route = signal<Route>(routeOf(location.hash));

/** Queues that have several groups: these have the workers. */
export const grouped = computed<ReadonlySet<string>>(
  () => new Set(layout.value?.queues.flatMap(({ groupOf }) => groupOf ?? [])),
);

/** Why what is shown is older than it should be; undefined: it is not. */
export const staleness = computed<string | undefined>(() => {
  const last = state.value;
  if (link.value === 'lost')
    return last?.at == null
      ? 'The server does not answer. The page tries again every few seconds.'
      : `As of ${clockTime(new Date(last.at))}. The server does not answer; the page tries again every few seconds.`;
  return last?.stale ?? undefined;
});

export function followAddress(): void {
  addEventListener('hashchange', () => {
    route.value = routeOf(location.hash);
  });
}

/** Other options on the same page, without a step of the back button. */
export function setOptions(options: Route['options']): void {
  const next = { ...route.peek(), options: { ...route.peek().options, ...options } };
  history.replaceState(null, '', hashOf(next));
  route.value = routeOf(location.hash);
}
