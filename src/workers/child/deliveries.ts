// How long events were under way to their handler: from the transaction on the shard to the tick of central that covers them,
// and from there to the commit of what the handler did.
//
// Invariant: events count once their transaction has committed, and only at their first try. A few of those that are handled
// together stand for all of them. Ages are by central's clock against the event's own time: where a shard's clock is ahead,
// an event counts as under way for no time. One that had to wait for its time counts from when it was due.
import type { BatchEvent } from '../../handler/event.ts';
import type { CoopBatch, DueEvents } from '../../queue/coop.ts';
import { DELIVERY_BUCKET_ENDS_MS, type DeliveredEvents } from '../protocol.ts';

/** Most events that are looked at of those that are handled together. */
const MOST_SAMPLES = 16;

interface Sample {
  readonly bornMs: number;
  readonly events: number;
}

export class Deliveries {
  #delivered = nothing();
  #open: Sample[] = [];
  #tickMs = 0;
  #due: ReadonlyMap<string, DueEvents> = new Map();
  /** Central's clock minus the monotonic clock of this process. */
  #offsetMs = 0;

  /** A batch was just handed out. */
  opened({ due, endTimeMs, nowMs }: Pick<CoopBatch, 'due' | 'endTimeMs' | 'nowMs'>): void {
    this.#due = new Map(due.map((one) => [one.txid, one]));
    this.#tickMs = endTimeMs;
    this.#offsetMs = nowMs - performance.now();
    this.#open = [];
  }

  /** These events are handled in the transaction that is open. */
  note(events: readonly BatchEvent[]): void {
    const step = Math.ceil(events.length / MOST_SAMPLES);
    for (let at = 0; at < events.length; at += step) {
      const { row } = events[at] as BatchEvent;
      if (row.wasPutOff) continue;
      this.#open.push({ bornMs: this.#bornMs(row), events: Math.min(step, events.length - at) });
    }
  }

  #bornMs(row: BatchEvent['row']): number {
    if (this.#due.size === 0) return row.time.getTime();
    const due = this.#due.get(row.txid);
    const before = due?.ids.findLastIndex((id) => id <= row.id) ?? -1;
    return due?.timesMs[before] ?? row.time.getTime();
  }

  /** The transaction was rolled back. */
  discard(): void {
    this.#open = [];
  }

  committed(): void {
    const nowMs = performance.now() + this.#offsetMs;
    const tickMs = Math.min(this.#tickMs, nowMs);
    const { toCentral, toHandled, whole } = this.#delivered;
    for (const { bornMs, events } of this.#open) {
      add(toCentral, tickMs - bornMs, events);
      add(toHandled, nowMs - Math.max(tickMs, bornMs), events);
      add(whole, nowMs - bornMs, events);
    }
    this.#open = [];
  }

  /** Those since the last call of this; undefined: none. */
  take(): DeliveredEvents | undefined {
    const taken = this.#delivered;
    if (taken.whole.counts.every((count) => count === 0)) return undefined;
    this.#delivered = nothing();
    return taken;
  }
}

type Counted = DeliveredEvents['whole'];

function add(counted: Counted, ms: number, events: number): void {
  const under = Math.max(0, ms);
  const found = DELIVERY_BUCKET_ENDS_MS.findIndex((end) => under <= end);
  const at = found === -1 ? DELIVERY_BUCKET_ENDS_MS.length : found;
  counted.counts[at] = (counted.counts[at] ?? 0) + events;
  counted.sum += (under / 1_000) * events;
}

const none = (): Counted => ({ counts: Array(DELIVERY_BUCKET_ENDS_MS.length + 1).fill(0), sum: 0 });
const nothing = (): DeliveredEvents => ({ toCentral: none(), toHandled: none(), whole: none() });
