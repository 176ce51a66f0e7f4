// How often events of a handler fail, learned from those seen so far; kept from batch to batch.
import type { BatchEvent } from '../../../handler/event.ts';

/** About how many events are remembered; older ones fade. */
const MEMORY = 2_000;
/** The rate begins as if this many events had gone well. */
const PRIOR = 100;
/** This many failures are no accident. */
const SURE = 2.5;

class Share {
  #failed = 0;
  #seen = 0;

  note(failed: number, seen: number): void {
    const fading = Math.max(0, 1 - seen / MEMORY);
    this.#failed = this.#failed * fading + failed;
    this.#seen = this.#seen * fading + seen;
  }

  get value(): number {
    return this.#failed / (this.#seen + PRIOR);
  }

  get isSure(): boolean {
    return this.#failed >= SURE;
  }
}

export class FailureRate {
  readonly #fresh = new Share();
  /** Kept apart: events that failed before fail far more often than others. */
  readonly #retried = new Share();

  note(event: BatchEvent, hasFailed: boolean): void {
    this.#of(event).note(hasFailed ? 1 : 0, 1);
  }

  /** All of them went well. */
  noteDone(events: readonly BatchEvent[]): void {
    let retried = 0;
    for (const { retry } of events) if (retry > 0) retried += 1;
    this.#retried.note(0, retried);
    this.#fresh.note(0, events.length - retried);
  }

  /** The share of events like this one that fail, 0..1; 0 where none has failed lately. */
  of(event: BatchEvent): number {
    return this.#of(event).value;
  }

  /** Whether that share is more than a guess. */
  isSureOf(event: BatchEvent): boolean {
    return this.#of(event).isSure;
  }

  #of({ retry }: BatchEvent): Share {
    return retry > 0 ? this.#retried : this.#fresh;
  }
}
