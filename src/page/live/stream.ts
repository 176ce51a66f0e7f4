// Follows the server's events while the page is seen, and comes back by itself when the connection is lost.
//
// Invariant: there is at most one connection, and none while the tab is hidden.
import type { DashboardState, Layout } from '../../http/dashboard/state.ts';
import { layout, link, state } from './store.ts';

/** The server sends once a second. */
const SILENT_MS = 5_000;
const RETRY_MS = 1_000;

let source: EventSource | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;

export function follow(): void {
  document.addEventListener('visibilitychange', () => (document.hidden ? close() : open()));
  if (!document.hidden) open();
}

function open(): void {
  close();
  source = new EventSource('api/stream');
  expect();
  source.addEventListener('layout', ({ data }) => {
    layout.value = JSON.parse(data) as Layout;
  });
  source.addEventListener('state', ({ data }) => {
    performance.mark('state');
    state.value = JSON.parse(data) as DashboardState;
    link.value = 'live';
    performance.measure('update', 'state');
    performance.clearMarks('state');
    expect();
  });
  source.addEventListener('error', lose);
}

function close(): void {
  clearTimeout(timer);
  source?.close();
  source = undefined;
}

/** Another event within the time, or a new connection. */
function expect(): void {
  clearTimeout(timer);
  timer = setTimeout(lose, SILENT_MS);
}

function lose(): void {
  close();
  link.value = 'lost';
  timer = setTimeout(() => void again(), RETRY_MS);
}

/** Where the server wants a token now, the browser has to show it first: an event source does not say so. */
async function again(): Promise<void> {
  const answer = await fetch('api/log', { headers: { accept: 'application/json' } }).catch(() => undefined);
  if (document.hidden) return;
  if (answer?.status === 401) return location.assign('login');
  open();
}
