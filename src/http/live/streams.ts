// All streams of this process: who listens to which channel, and one reading of central for all of them, while somebody listens.
//
// Invariant: a stream is open only when everything up to its place was read; from then on it misses nothing, or is told so.
// Order of a message: read · kept among the recent ones · its channel's streams, some hundred at a time, so that no turn is long.
import type { ServerResponse } from 'node:http';
import { type LivePosition, parsePosition } from '../../channels/position.ts';
import { PublishedReader, type ReaderOptions, type ReadTick } from '../../channels/reader.ts';
import { type ReadMessage, RecentMessages } from '../../channels/recent.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { LiveStream, type StreamWish } from './stream.ts';

export interface LiveStreamsOptions extends Pick<ReaderOptions, 'central' | 'applicationName'> {
  readonly most: number;
  /** Of recent messages in memory; default 64 MB. */
  readonly bytes?: number;
  /** Default: the durations of the system. */
  readonly heartbeatMs?: number;
  readonly slowMs?: number;
}

export type EndReason = 'slow' | 'expired';

const RECENT_BYTES = 64 * 1024 * 1024;
/** In place of an id: with all that is still there. */
const OLDEST = 'oldest';
/** Sent to before anything else has its turn. */
const AT_ONCE = 200;
/** Beats of all streams are spread over this many parts of their time. */
const BEATS = 15;

export class LiveStreams {
  readonly #options: LiveStreamsOptions;
  readonly #recent: RecentMessages;
  readonly #open = new Set<LiveStream>();
  readonly #byChannel = new Map<string, Set<LiveStream>>();
  /** They come when everything that is there was read. */
  readonly #waiting = new Set<LiveStream>();
  /** There is something for them. */
  readonly #due = new Set<LiveStream>();
  #pump: NodeJS.Immediate | undefined;
  #reader: PublishedReader | undefined;
  #isCaughtUp = false;
  /** Central did not know any more how far we were. */
  #isLost = false;
  #beats: NodeJS.Timeout | undefined;
  #lingering: NodeJS.Timeout | undefined;
  #turn = 0;
  #isClosed = false;
  /** Of streams that are gone. */
  #past = { sent: 0, resets: 0 };
  #read = 0;
  #refused = 0;
  readonly #ended: Record<EndReason, number> = { slow: 0, expired: 0 };

  constructor(options: LiveStreamsOptions) {
    this.#options = options;
    this.#recent = new RecentMessages({
      bytes: options.bytes ?? RECENT_BYTES,
      keptMs: TIMING.live.keptMs,
    });
  }

  /** @returns false where too many listen already, or the server stops; then nothing was written. */
  add(response: ServerResponse, wish: StreamWish): boolean {
    if (this.#isClosed || this.#open.size + this.#waiting.size >= this.#options.most) {
      this.#refused += 1;
      return false;
    }
    const stream = new LiveStream(response, wish, this.#recent, () => this.#pumpLater(stream));
    this.#waiting.add(stream);
    response.once('close', () => this.#forget(stream));
    this.#begin();
    if (this.#isCaughtUp) this.#openWaiting();
    return true;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const stream of [...this.#open, ...this.#waiting]) stream.end('The server stops.');
    await this.#rest();
  }

  get figures() {
    const all = [...this.#open];
    return {
      open: this.#open.size + this.#waiting.size,
      read: this.#read,
      sent: this.#past.sent + all.reduce((sum, { sent }) => sum + sent, 0),
      resets: this.#past.resets + all.reduce((sum, { resets }) => sum + resets, 0),
      refused: this.#refused,
      ended: { ...this.#ended },
    };
  }

  #begin(): void {
    clearTimeout(this.#lingering);
    if (this.#reader !== undefined) return;
    this.#isCaughtUp = this.#isLost = false;
    const { central, applicationName } = this.#options;
    // One that was stopped may still have an answer to give.
    const isOurs = () => this.#reader === reader;
    const reader = new PublishedReader({
      ...{ central, applicationName },
      onBegin: (tick) => isOurs() && this.#began(tick),
      onTick: (tick, messages) => isOurs() && this.#came(tick, messages),
      onCaughtUp: () => isOurs() && this.#caughtUp(),
      // It tries again, and the pages of health say what is wrong with central.
      onTrouble: () => {},
    });
    this.#reader = reader;
    reader.start();
    const { heartbeatMs = TIMING.live.heartbeatMs } = this.#options;
    this.#beats = setInterval(() => this.#beat(), heartbeatMs / BEATS);
    this.#beats.unref();
  }

  /** Stops reading, and forgets what was read. */
  async #rest(): Promise<void> {
    clearTimeout(this.#lingering);
    clearInterval(this.#beats);
    clearImmediate(this.#pump);
    this.#pump = undefined;
    const reader = this.#reader;
    this.#reader = undefined;
    this.#isCaughtUp = false;
    this.#recent.clear();
    await reader?.stop();
  }

  #began(tick: ReadTick): void {
    if (this.#recent.end !== undefined) this.#isLost = true;
    this.#isCaughtUp = false;
    this.#recent.beginAt(tick);
  }

  #came(tick: ReadTick, messages: readonly ReadMessage[]): void {
    const before = this.#recent.end;
    this.#read += messages.length;
    for (const { channel } of this.#recent.add(tick, messages)) {
      const streams = this.#byChannel.get(channel);
      // Those that wait for a new beginning are told then.
      if (streams === undefined || before === undefined || this.#isLost) continue;
      for (const stream of streams) {
        stream.behind(before);
        this.#due.add(stream);
      }
    }
    if (this.#due.size > 0) this.#pumpSoon();
  }

  #caughtUp(): void {
    const { end } = this.#recent;
    if (end === undefined) return;
    if (this.#isLost) for (const stream of this.#open) stream.reset(end);
    this.#isLost = false;
    this.#isCaughtUp = true;
    this.#openWaiting();
  }

  #openWaiting(): void {
    const { end } = this.#recent;
    if (end === undefined) return;
    for (const stream of this.#waiting) {
      this.#waiting.delete(stream);
      this.#open.add(stream);
      for (const channel of stream.wish.channels)
        this.#byChannel.set(channel, (this.#byChannel.get(channel) ?? new Set()).add(stream));
      stream.open(end, this.#placeOf(stream.wish));
      this.#pumpLater(stream);
    }
  }

  /** Null: it was somewhere that cannot be found any more. */
  #placeOf({ lastEventId }: StreamWish): LivePosition | null | undefined {
    if (lastEventId === undefined) return undefined;
    if (lastEventId === OLDEST) return this.#recent.begin;
    const position = parsePosition(lastEventId);
    return position !== undefined && this.#recent.covers(position) ? position : null;
  }

  #pumpLater(stream: LiveStream): void {
    this.#due.add(stream);
    this.#pumpSoon();
  }

  #pumpSoon(): void {
    this.#pump ??= setImmediate(() => {
      this.#pump = undefined;
      let left = AT_ONCE;
      for (const stream of this.#due) {
        if (left === 0) break;
        this.#due.delete(stream);
        stream.send();
        left -= 1;
      }
      if (this.#due.size > 0) this.#pumpSoon();
    });
  }

  /** Looks after all streams; a part of them at a time says that it is there. */
  #beat(): void {
    const { end } = this.#recent;
    const { slowMs = TIMING.live.slowMs } = this.#options;
    this.#turn = (this.#turn + 1) % BEATS;
    let at = 0;
    for (const stream of this.#open) {
      at += 1;
      const { untilMs } = stream.wish;
      if (untilMs !== undefined && untilMs <= Date.now())
        this.#end(stream, 'expired', 'The token of this stream is over: come with a new one.');
      else if (stream.slowMs > slowMs)
        this.#end(stream, 'slow', 'This stream was read too slowly: come again with your Last-Event-ID.');
      else if (at % BEATS === this.#turn && end !== undefined && !this.#isLost) stream.beat(end);
    }
  }

  #end(stream: LiveStream, reason: EndReason, sentence: string): void {
    this.#ended[reason] += 1;
    stream.end(sentence);
    this.#forget(stream);
  }

  #forget(stream: LiveStream): void {
    this.#waiting.delete(stream);
    this.#due.delete(stream);
    if (this.#open.delete(stream)) {
      this.#past.sent += stream.sent;
      this.#past.resets += stream.resets;
      for (const channel of stream.wish.channels) {
        const streams = this.#byChannel.get(channel);
        streams?.delete(stream);
        if (streams?.size === 0) this.#byChannel.delete(channel);
      }
    }
    this.#restLater();
  }

  /** A browser that was cut off comes again in a moment. */
  #restLater(): void {
    if (this.#open.size + this.#waiting.size > 0 || this.#isClosed) return;
    clearTimeout(this.#lingering);
    this.#lingering = setTimeout(() => void this.#rest(), TIMING.live.lingerMs);
    this.#lingering.unref();
  }
}
