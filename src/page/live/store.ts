// What the page shows, as signals: what the server sent last, and how the connection is.
import { signal } from '@preact/signals';
import type { DashboardState, Layout } from '../../http/dashboard/state.ts';

export type Link = 'connecting' | 'live' | 'lost';

export const layout = signal<Layout | undefined>(undefined);
export const state = signal<DashboardState | undefined>(undefined);
export const link = signal<Link>('connecting');
