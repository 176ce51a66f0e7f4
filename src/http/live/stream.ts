// One browser that listens: what it is sent, and from where on when it reads slowly.
//
// Invariant: nothing is queued for a reader that is slow: it keeps its place among the recent messages, which all streams share, and
// goes on there when it has read what it was sent.
import type { OutgoingHttpHeader, ServerResponse } from 'node:http';
import { type LivePosition, positionText } from '../../channels/position.ts';
import type { RecentMessages } from '../../channels/recent.ts';
import { TIMING } from '../../lifecycle/timing.ts';

export interface StreamWish {
  readonly channels: readonly string[];
  /** `Last-Event-ID`, where the browser comes again. */
  readonly lastEventId: string | undefined;
  /** When its token is over, in ms since 1970; undefined: never. */
  readonly untilMs: number | undefined;
  readonly headers: Readonly<Record<string, OutgoingHttpHeader | undefined>>;
}

/** Of one write. */
const MOST_CHARACTERS = 65_536;
const RESET = `event: reset\ndata: {"reason":"Messages may have been missed: read anew what you show."}\n\n`;

export class LiveStream {
  readonly wish: StreamWish;
  readonly #response: ServerResponse;
  readonly #recent: RecentMessages;
  /** Up to where it was sent everything; undefined: up to the newest. */
  #from: LivePosition | undefined;
  #slowSinceMs: number | undefined;
  #isOpen = false;
  sent = 0;
  resets = 0;

  /** @param onDrain it has read what it was sent, and there may be more. */
  constructor(response: ServerResponse, wish: StreamWish, recent: RecentMessages, onDrain: () => void) {
    this.wish = wish;
    this.#response = response;
    this.#recent = recent;
    response.on('drain', () => {
      this.#slowSinceMs = undefined;
      if (this.#from !== undefined) onDrain();
    });
  }

  /** For how long it has read nothing although there was something. */
  get slowMs(): number {
    return this.#slowSinceMs === undefined ? 0 : performance.now() - this.#slowSinceMs;
  }

  /** Begins, now that everything up to `end` was read. @param from undefined: with what comes; null: what it had seen is not to be had. */
  open(end: LivePosition, from: LivePosition | null | undefined): void {
    const { headers } = this.wish;
    for (const [name, value] of Object.entries(headers))
      if (value !== undefined) this.#response.setHeader(name, value);
    // What is stuck is seen to here: a stream may rest for longer than an answer.
    this.#response.setTimeout(0);
    this.#response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      // A proxy must not collect what is sent.
      'x-accel-buffering': 'no',
    });
    this.#isOpen = true;
    this.#write(`retry: ${TIMING.live.comeAgainMs}\n\n`);
    if (from === null) this.reset(end);
    else if (from === undefined) this.#place(end);
    else this.#from = from;
  }

  /** It cannot know what it has missed. From here on it is sent everything. */
  reset(end: LivePosition): void {
    this.resets += 1;
    this.#from = undefined;
    this.#write(RESET);
    this.#place(end);
  }

  /** There are messages for it behind this position, unless it is further behind anyway. */
  behind(position: LivePosition): void {
    this.#from ??= position;
  }

  /** Sends what is behind its place, up to what its reader takes. */
  send(): void {
    while (this.#from !== undefined && this.#isOpen && !this.#response.writableNeedDrain) {
      if (!this.#recent.covers(this.#from)) {
        const { end } = this.#recent;
        if (end !== undefined) this.reset(end);
        return;
      }
      const messages = this.#recent.behind(this.#from, this.wish.channels, MOST_CHARACTERS);
      const last = messages.at(-1);
      if (last === undefined) {
        this.#from = undefined;
        return;
      }
      this.#from = { tick: last.tick, at: last.tickAt, id: last.id };
      this.sent += messages.length;
      this.#write(messages.map(({ text }) => text).join(''));
    }
  }

  /** Says that it is there; the browser notes how far it is, so that a quiet channel never makes it come back from long ago. */
  beat(end: LivePosition): void {
    if (this.#isOpen && this.#from === undefined && !this.#response.writableNeedDrain) this.#place(end);
  }

  /** The browser comes again by itself, with its place. @param sentence shown to those who look at the stream itself. */
  end(sentence: string): void {
    this.#from = undefined;
    if (!this.#isOpen) this.#response.destroy();
    else if (this.#response.writableNeedDrain) {
      // What it was sent last reaches it only if it reads after all.
      this.#response.end(`: ${sentence}\n\n`);
      setTimeout(() => this.#response.destroy(), TIMING.live.comeAgainMs).unref();
    } else this.#response.end(`: ${sentence}\n\n`);
    this.#isOpen = false;
  }

  /** An event without data is none: only its id counts. */
  #place(end: LivePosition): void {
    this.#write(`id: ${positionText(end)}\n\n`);
  }

  #write(text: string): void {
    if (!this.#response.write(text)) this.#slowSinceMs ??= performance.now();
  }
}
