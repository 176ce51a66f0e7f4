// The messages that were read lately, in memory: what streams are sent from, whether they are new, slow, or come again.
//
// Invariant: behind `floor` nothing is missing, up to the newest tick that was read; what is at or before it may be gone.
// Memory is bounded by the size of the texts.
import { isBehind, type LivePosition, positionText } from './position.ts';

/** What is read of a message. */
export interface ReadMessage {
  readonly tick: number;
  readonly id: number;
  readonly channel: string;
  readonly type: string | undefined;
  readonly data: string;
  /** When it was published, ISO 8601. */
  readonly at: string;
}

/** As it goes to browsers. */
export interface SentMessage {
  readonly tick: number;
  readonly tickAt: number;
  readonly id: number;
  readonly channel: string;
  /** A server-sent event. */
  readonly text: string;
}

export interface RecentLimits {
  readonly bytes: number;
  /** Older ones are forgotten. */
  readonly keptMs: number;
}

/** What a message takes besides its text. */
const OVERHEAD_BYTES = 250;

interface KeptTick {
  readonly tick: number;
  readonly at: number;
  readonly readMs: number;
}

export class RecentMessages {
  readonly #limits: RecentLimits;
  /** In their order; those before `#first` are gone. */
  #messages: (SentMessage | undefined)[] = [];
  #first = 0;
  /** In their order; the first one is that of the floor. */
  #ticks: KeptTick[] = [];
  readonly #byChannel = new Map<string, SentMessage[]>();
  #bytes = 0;
  #floor: Pick<LivePosition, 'tick' | 'id'> | undefined;

  constructor(limits: RecentLimits) {
    this.#limits = limits;
  }

  /** The newest tick that was read; undefined: nothing was read yet. */
  get end(): LivePosition | undefined {
    const last = this.#ticks.at(-1);
    return last && { tick: last.tick, at: last.at, id: Number.POSITIVE_INFINITY };
  }

  /** The oldest place that is covered; undefined: nothing was read yet. */
  get begin(): LivePosition | undefined {
    const floor = this.#floor;
    const at = floor && this.#ticks[indexOf(this.#ticks, floor.tick)]?.at;
    return floor === undefined || at === undefined ? undefined : { ...floor, at };
  }

  /** Nothing is here any more. */
  clear(): void {
    this.#messages = [];
    this.#first = 0;
    this.#byChannel.clear();
    this.#bytes = 0;
    this.#ticks = [];
    this.#floor = undefined;
  }

  /** Forgets everything: from here on nothing is missing. */
  beginAt({ tick, at }: Pick<LivePosition, 'tick' | 'at'>): void {
    this.clear();
    this.#ticks = [{ tick, at, readMs: performance.now() }];
    this.#floor = { tick, id: Number.POSITIVE_INFINITY };
  }

  /** A tick that follows the last one, with all its messages. @returns them. */
  add({ tick, at }: Pick<LivePosition, 'tick' | 'at'>, messages: readonly ReadMessage[]): SentMessage[] {
    this.#ticks.push({ tick, at, readMs: performance.now() });
    const sent = messages.map((message) => toSent(message, at));
    for (const one of sent) {
      this.#messages.push(one);
      this.#bytes += sizeOf(one);
      const own = this.#byChannel.get(one.channel);
      if (own === undefined) this.#byChannel.set(one.channel, [one]);
      else own.push(one);
    }
    this.#shrink();
    return sent;
  }

  /** Whether everything behind the position is here. */
  covers(position: LivePosition): boolean {
    if (this.#floor === undefined || isBehind(this.#floor, position)) return false;
    return this.#ticks[indexOf(this.#ticks, position.tick)]?.at === position.at;
  }

  /** What is behind the position on these channels, in order, up to a size; at least one message where there is one. */
  behind(
    position: Pick<LivePosition, 'tick' | 'id'>,
    channels: readonly string[],
    mostCharacters: number,
  ): SentMessage[] {
    const lists = channels.flatMap((channel) => {
      const own = this.#byChannel.get(channel);
      const from = own === undefined ? 0 : firstBehind(own, position);
      return own === undefined || from === own.length ? [] : [{ own, at: from }];
    });
    const found: SentMessage[] = [];
    for (let characters = 0; characters < mostCharacters; ) {
      const next = lists.reduce<(typeof lists)[number] | undefined>((least, list) => {
        const [one, other] = [list.own[list.at], least?.own[least.at]];
        return one !== undefined && (other === undefined || isBehind(other, one)) ? list : least;
      }, undefined);
      const message = next?.own[next.at];
      if (next === undefined || message === undefined) break;
      next.at += 1;
      found.push(message);
      characters += message.text.length;
    }
    return found;
  }

  #shrink(): void {
    const { bytes, keptMs } = this.#limits;
    const oldestMs = performance.now() - keptMs;
    const isOld = (tick: number) => {
      const kept = this.#ticks[indexOf(this.#ticks, tick)];
      return kept === undefined || kept.readMs < oldestMs;
    };
    for (let first = this.#messages[this.#first]; first !== undefined; first = this.#messages[this.#first]) {
      if (this.#bytes <= bytes && !isOld(first.tick)) break;
      this.#floor = { tick: first.tick, id: first.id };
      this.#bytes -= sizeOf(first);
      this.#messages[this.#first] = undefined;
      this.#first += 1;
      const own = this.#byChannel.get(first.channel) ?? [];
      own.shift();
      if (own.length === 0) this.#byChannel.delete(first.channel);
    }
    if (this.#first > 1_000 && this.#first * 2 > this.#messages.length) {
      this.#messages = this.#messages.slice(this.#first);
      this.#first = 0;
    }
    this.#forgetTicks(oldestMs);
  }

  /** Ticks without messages here say nothing but that a position is ours. */
  #forgetTicks(oldestMs: number): void {
    const firstNeeded = this.#messages[this.#first]?.tick ?? this.#ticks.at(-1)?.tick ?? 0;
    let gone = 0;
    for (const { tick, readMs } of this.#ticks) {
      if (tick >= firstNeeded - 1 || readMs >= oldestMs || gone === this.#ticks.length - 1) break;
      gone += 1;
    }
    if (gone === 0) return;
    this.#ticks = this.#ticks.slice(gone);
    const tick = this.#ticks[0]?.tick ?? 0;
    if (this.#floor !== undefined && this.#floor.tick < tick) this.#floor = { tick, id: -1 };
  }
}

/** Server-sent events end with an empty line; in JSON from elsewhere line breaks are nothing but space. */
function toSent({ tick, id, channel, type, data, at }: ReadMessage, tickAt: number): SentMessage {
  const head = `id: ${positionText({ tick, at: tickAt, id })}\n${type === undefined ? '' : `event: ${type}\n`}`;
  const body = `{"channel":${JSON.stringify(channel)},"at":"${at}","data":${data.replaceAll(/[\r\n]+/g, ' ')}}`;
  return { tick, tickAt, id, channel, text: `${head}data: ${body}\n\n` };
}

const sizeOf = ({ text }: SentMessage): number => text.length + OVERHEAD_BYTES;

/** Ticks are numbered without gaps. */
const indexOf = (ticks: readonly KeptTick[], tick: number): number => tick - (ticks[0]?.tick ?? 0);

/** The place of the first one behind the position. */
function firstBehind(messages: readonly SentMessage[], position: Pick<LivePosition, 'tick' | 'id'>): number {
  let [low, high] = [0, messages.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBehind(messages[middle] as SentMessage, position)) high = middle;
    else low = middle + 1;
  }
  return low;
}
