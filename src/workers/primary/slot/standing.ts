// How the worker of a slot is doing, from its messages and the way it ends: the batch at hand, the results of the last events,
// and the trouble that keeps it from making progress.
//
// Invariant: trouble is that nothing succeeds, or what happened twice, not long ago, without any success since; not of a worker
// that has lived for a while with nothing waiting for it.
import { TIMING } from '../../../lifecycle/timing.ts';
import type { ToPrimary, TriedEvents } from '../../protocol.ts';
import { RecentDeliveries } from './recent-deliveries.ts';
import { Throughput } from './throughput.ts';

/** A batch that takes long. */
export interface LongBatch {
  readonly slot: string;
  readonly done: number;
  /** About how many events the batch has, where that is known. */
  readonly events?: number | undefined;
  readonly seconds: number;
}

interface OpenBatch {
  readonly token: number;
  readonly sinceMs: number;
  /** When its progress was reported last. */
  reportedMs: number;
}

const LONGEST = 300;

export class Standing {
  readonly #slot: string;
  #batch: OpenBatch | undefined;
  /** Since then its process lives and finds no batch. */
  #idleSinceMs = Number.POSITIVE_INFINITY;
  #progress: Pick<LongBatch, 'done' | 'events'> | undefined;
  #recent: TriedEvents | undefined;
  #heldBack: string | undefined;
  #gaveUp: string | undefined;
  #deaths: Trouble | undefined;
  #trouble: Trouble | undefined;
  #memoryMb: number | undefined;
  #died = 0;
  readonly #throughput = new Throughput();
  readonly #deliveries = new RecentDeliveries();

  constructor(slot: string) {
    this.#slot = slot;
  }

  note(message: ToPrimary): void {
    switch (message.type) {
      case 'opened': {
        const nowMs = performance.now();
        this.#batch = { token: message.token, sinceMs: nowMs, reportedMs: nowMs };
        this.#idleSinceMs = Number.POSITIVE_INFINITY;
        this.#progress = undefined;
        this.#throughput.opened();
        break;
      }
      case 'pulse':
        this.#progress = message.progress;
        this.#noteMemory(message.rssBytes);
        if (this.#batch !== undefined) this.#throughput.reached(message.progress?.done ?? 0);
        this.#throughput.sample(performance.now());
        this.#deliveries.add(message.counted?.delivered?.whole.counts ?? []);
        this.#recent = message.recent ?? this.#recent;
        this.#heldBack = message.heldBack;
        break;
      case 'gaveUp':
        this.#gaveUp = message.sentence;
        break;
      case 'troubled':
        this.#trouble = again(this.#trouble, this.#gaveUp ?? message.sentence);
        this.#gaveUp = undefined;
        break;
      case 'finished':
        this.#noteMemory(message.rssBytes);
        this.#throughput.reached(message.events);
        this.#throughput.opened();
        this.#deaths = undefined;
        this.#wentWell();
        break;
      case 'advanced':
        this.#deaths = undefined;
        this.#wentWell();
        break;
      case 'idle':
        this.#idleSinceMs = performance.now();
        this.#wentWell();
        break;
      default:
    }
  }

  /** The process has ended. @param how the way it died; undefined: it ended in order. */
  ended(how: string | undefined): void {
    this.close();
    this.#idleSinceMs = Number.POSITIVE_INFINITY;
    this.#recent = undefined;
    this.#heldBack = undefined;
    this.#gaveUp = undefined;
    this.#memoryMb = undefined;
    if (how === undefined) return;
    this.#died += 1;
    const times = (this.#deaths?.times ?? 0) + 1;
    this.#deaths = again(this.#deaths, `${this.#slot} died (${how}), ${times} times in a row.`);
  }

  /** The batch is not at hand any more. @returns how long it was open, in ms. */
  close(): number {
    const ms = this.#openMs;
    this.#batch = undefined;
    return ms;
  }

  /** The batch that a living process works on. */
  get token(): number | undefined {
    return this.#batch?.token;
  }

  get recent(): TriedEvents | undefined {
    return this.#recent;
  }

  /** Of its process, to four megabytes: what changes all the time would be written all the time. */
  get memoryMb(): number | undefined {
    return this.#memoryMb;
  }

  /** How many processes died in the slot, since this host has it. */
  get died(): number {
    return this.#died;
  }

  /** Events a second that it has handled lately. */
  get perSecond(): number | undefined {
    return this.#throughput.perSecond(performance.now());
  }

  /** How long events of the last minute were under way, by bucket; undefined: there were none. */
  get delivered(): readonly number[] | undefined {
    return this.#deliveries.counts;
  }

  /** A sentence while nothing succeeds. */
  get heldBack(): string | undefined {
    return this.#heldBack;
  }

  /** What keeps it from making progress, in a sentence. */
  get trouble(): string | undefined {
    if (this.#heldBack !== undefined) return this.#heldBack;
    // Where it was killed twice with the last events, no success can follow until there are others. One that dies by itself does so
    // sooner.
    if (performance.now() - this.#idleSinceMs >= TIMING.slots.wellAfterMs) return undefined;
    const troubles = [this.#trouble, this.#deaths];
    return troubles.find(
      (one) => one && one.times > 1 && performance.now() - one.atMs < TIMING.slots.troubleMs,
    )?.sentence;
  }

  /** The batch at hand, where it takes long. */
  get longBatch(): LongBatch | undefined {
    if (this.#batch === undefined || this.#openMs < TIMING.slots.shownAfterMs) return undefined;
    const seconds = Math.round(this.#openMs / 100) / 10;
    return { slot: this.#slot, ...(this.#progress ?? { done: 0 }), seconds };
  }

  /** The same, when it is due to be reported. */
  dueProgress(): LongBatch | undefined {
    const nowMs = performance.now();
    if (this.#batch === undefined || nowMs - this.#batch.reportedMs < TIMING.slots.reportEveryMs)
      return undefined;
    this.#batch.reportedMs = nowMs;
    return this.longBatch;
  }

  get #openMs(): number {
    return this.#batch === undefined ? 0 : performance.now() - this.#batch.sinceMs;
  }

  #noteMemory(rssBytes: number | undefined): void {
    if (rssBytes !== undefined) this.#memoryMb = Math.round(rssBytes / 4_194_304) * 4;
  }

  #wentWell(): void {
    this.#trouble = undefined;
    this.#gaveUp = undefined;
  }
}

interface Trouble {
  readonly times: number;
  readonly sentence: string;
  readonly atMs: number;
}

function again(before: Trouble | undefined, sentence: string): Trouble {
  const text = sentence.length > LONGEST ? `${sentence.slice(0, LONGEST - 1)}…` : sentence;
  return { times: (before?.times ?? 0) + 1, sentence: text, atMs: performance.now() };
}
