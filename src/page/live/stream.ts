// Follows the server's events while the page is seen, and comes back by itself when the connection is lost.
//
// Invariant: there is at most one connection, and none while the tab is hidden.
import { batch } from '@preact/signals';
import type { DashboardState, Layout } from '../../http/dashboard/state.ts';
import { layout, link, state } from './store.ts';

/** The server sends once a second. */
const SILENT_MS = 5_000;
const AGAIN_MS = 1_000;
/** A browser keeps all that are measured, and a page may be open for months. */
const MOST_MEASURED = 300;
const UPDATE = 'tributary:update';

let source: EventSource | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;

export function followServer(): void {
  document.addEventListener('visibilitychange', () => (document.hidden ? close() : open()));
  if (!document.hidden) open();
}

function open(): void {
  close();
  source = new EventSource('api/stream');
  awaitNext();
  source.addEventListener('layout', ({ data }) => {
    layout.value = JSON.parse(data) as Layout;
    awaitNext();
  });
  source.addEventListener('state', ({ data }) => {
    const began = performance.now();
    batch(() => {
      state.value = JSON.parse(data) as DashboardState;
      link.value = 'live';
    });
    awaitNext();
    // Until all that this state changes was rendered, for those who look at how long that takes.
    queueMicrotask(() => {
      if (performance.getEntriesByName(UPDATE).length >= MOST_MEASURED) performance.clearMeasures(UPDATE);
      performance.measure(UPDATE, { start: began });
    });
  });
  source.addEventListener('error', lose);
}

function close(): void {
  clearTimeout(timer);
  source?.close();
  source = undefined;
}

/** Another event within the time, or a new connection. */
function awaitNext(): void {
  clearTimeout(timer);
  timer = setTimeout(lose, SILENT_MS);
}

function lose(): void {
  close();
  link.value = 'lost';
  timer = setTimeout(() => void again(), AGAIN_MS);
}

/** Where the server asks for a token now, it has to be shown first: an event source does not say so. */
async function again(): Promise<void> {
  // It asks no database.
  const answer = await fetch('livez', { headers: { accept: 'application/json' } }).catch(() => undefined);
  if (document.hidden) return;
  if (answer?.status === 401) location.assign('login');
  else open();
}
