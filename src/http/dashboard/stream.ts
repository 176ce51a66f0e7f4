// Sends the state to every page that looks, as server-sent events: one reading a second for all of them, and none while nobody looks.
//
// Invariant: nothing is queued for a page that does not read: it misses states, and gets the next one once it has read what it was sent.
import type { OutgoingHttpHeader, ServerResponse } from 'node:http';
import { TIMING } from '../../lifecycle/timing.ts';
import { wait } from '../../lifecycle/wait.ts';
import type { DashboardState, Layout } from './state.ts';

export interface StreamOptions {
  /** As the file is now. */
  layout(): Layout;
  /** Never rejects. */
  state(): Promise<DashboardState>;
  /** Default: as the system has it. */
  readonly everyMs?: number;
  readonly mostViewers?: number;
}

const MOST_VIEWERS = 50;

export class StateStream {
  readonly #options: StreamOptions;
  readonly #viewers = new Set<ServerResponse>();
  readonly #stopped = new AbortController();
  #running: Promise<void> | undefined;
  /** What those that look have been sent. */
  #layout = '';
  /** The last state that was sent, for those that come until the next one. */
  #last: { readonly text: string; readonly atMs: number } | undefined;

  constructor(options: StreamOptions) {
    this.#options = options;
  }

  /** @returns false where too many look already, or the server stops; then nothing was written. */
  add(response: ServerResponse, headers: Record<string, OutgoingHttpHeader | undefined>): boolean {
    const { everyMs = TIMING.http.stateMs, mostViewers = MOST_VIEWERS } = this.#options;
    if (this.#viewers.size >= mostViewers || this.#stopped.signal.aborted) return false;
    for (const [name, value] of Object.entries(headers))
      if (value !== undefined) response.setHeader(name, value);
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      // A proxy must not collect what is sent.
      'x-accel-buffering': 'no',
    });
    response.write(`retry: ${TIMING.http.comeAgainMs}\n${this.#layoutNow()}`);
    if (this.#viewers.size === 0) this.#layout = this.#layoutNow();
    if (this.#last !== undefined && performance.now() - this.#last.atMs < everyMs)
      response.write(this.#last.text);
    this.#viewers.add(response);
    response.once('close', () => this.#viewers.delete(response));
    this.#running ??= this.#run(everyMs);
    return true;
  }

  /** Ends all streams. */
  async close(): Promise<void> {
    this.#stopped.abort();
    for (const viewer of this.#viewers) viewer.end();
    await this.#running;
  }

  async #run(everyMs: number): Promise<void> {
    const { signal } = this.#stopped;
    while (this.#viewers.size > 0 && !signal.aborted) {
      const beganMs = performance.now();
      const text = message('state', JSON.stringify(await this.#options.state()));
      this.#last = { text, atMs: performance.now() };
      const layout = this.#layoutNow();
      if (!signal.aborted)
        for (const viewer of this.#viewers) {
          // A file that was read again: nobody may miss it.
          if (layout !== this.#layout) viewer.write(layout);
          if (!viewer.writableNeedDrain) viewer.write(text);
        }
      this.#layout = layout;
      await wait(everyMs - (performance.now() - beganMs), signal);
    }
    this.#running = undefined;
  }

  #layoutNow(): string {
    return message('layout', JSON.stringify(this.#options.layout()));
  }
}

/** JSON has no line breaks of its own. */
const message = (event: string, data: string): string => `event: ${event}\ndata: ${data}\n\n`;
