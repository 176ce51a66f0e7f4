// Whether the handler fails for everything that it is given: a broken deploy, a table that is missing, a service that is down.
// Pure.
//
// Rule: once OPENS_AFTER different events have failed at their first try and no event has succeeded since, the breaker opens:
// a failure counts as no try of its event, so that none dies of it, and only a few events are tried now and then. The first
// success closes it.
// Invariant: a success in a transaction that is rolled back does not count. Repeated failures of one event do not open the
// breaker: bad events that come again together use their tries up.
import { type BackoffOptions, backoffMs } from '../../../lifecycle/backoff.ts';
import { TIMING } from '../../../lifecycle/timing.ts';

/** Different events in a row that fail at their first try: with half of all failing, one in a million such rows. */
export const OPENS_AFTER = 20;
/** Events of the first probe; doubled each time, so that a row of bad events does not hold up the good ones behind it for long. */
const FIRST_PROBE = 5;
const LARGEST_PROBE = 50;

/** An event that failed. */
export interface FailedTry {
  readonly id: number;
  /** It was never put off before. */
  readonly isFirst: boolean;
  readonly error: string;
}

export interface OpenBreaker {
  readonly forMs: number;
  /** Error of the last event that failed. */
  readonly error: string;
  /** Until the next events are tried, and how many. */
  readonly nextInMs: number;
  readonly events: number;
}

interface Opening {
  readonly sinceMs: number;
  error: string;
  probes: number;
  waitMs: number;
  nextMs: number;
}

interface State {
  /** Events that have failed at their first try since the last success, no more than are needed. */
  readonly failed: Set<number>;
  opening: Opening | undefined;
}

export class Breaker {
  readonly #random: BackoffOptions['random'];
  #state: State = { failed: new Set(), opening: undefined };
  /** The state before the first success of the open transaction. */
  #before: State | undefined;
  #isTripped = false;

  constructor(random: BackoffOptions['random'] = Math.random) {
    this.#random = random;
  }

  /** Nothing succeeds: ask `waitMs` and `probe` before events are tried. */
  get isOpen(): boolean {
    return this.#state.opening !== undefined;
  }

  /** It opened since the last probe: the remaining events have to wait. */
  get isTripped(): boolean {
    return this.isOpen && this.#isTripped;
  }

  succeeded(): void {
    this.#before ??= this.#state;
    this.#state = { failed: new Set(), opening: undefined };
  }

  /** @returns whether it counts as a try of the event. */
  failed({ id, isFirst, error }: FailedTry, nowMs: number): boolean {
    const { failed, opening } = this.#state;
    if (isFirst && failed.size < OPENS_AFTER) failed.add(id);
    if (failed.size < OPENS_AFTER) return true;
    if (opening === undefined) {
      this.#isTripped = true;
      this.#state.opening = { sinceMs: nowMs, error, probes: 0, ...this.#pause(0, nowMs) };
    } else {
      // The wait counts from the end of a probe, which may take long.
      Object.assign(opening, { error, nextMs: nowMs + opening.waitMs });
    }
    return false;
  }

  committed(): void {
    this.#before = undefined;
  }

  /** The transaction was rolled back, or what its calls did does not opening. */
  undone(): void {
    const before = this.#before;
    if (before === undefined) return;
    for (const id of this.#state.failed) if (before.failed.size < OPENS_AFTER) before.failed.add(id);
    this.#state = { failed: before.failed, opening: before.opening ?? this.#state.opening };
    this.#before = undefined;
  }

  /** Until the next probe. */
  waitMs(nowMs: number): number {
    return Math.max(0, (this.#state.opening?.nextMs ?? 0) - nowMs);
  }

  /** Begins a probe. @returns how many events may be tried. */
  probe(nowMs: number): number {
    const { opening } = this.#state;
    this.#isTripped = false;
    if (opening === undefined) return Number.POSITIVE_INFINITY;
    const events = sizeOf(opening);
    opening.probes += 1;
    Object.assign(opening, this.#pause(opening.probes, nowMs));
    return events;
  }

  /** For people; undefined: it is not open. What is not committed yet does not count. */
  whileOpen(nowMs: number): OpenBreaker | undefined {
    const { opening } = this.#before ?? this.#state;
    if (opening === undefined) return undefined;
    const { error, nextMs, sinceMs } = opening;
    return { error, forMs: nowMs - sinceMs, nextInMs: Math.max(0, nextMs - nowMs), events: sizeOf(opening) };
  }

  #pause(probes: number, nowMs: number): Pick<Opening, 'waitMs' | 'nextMs'> {
    const waitMs = backoffMs(probes + 1, {
      ...TIMING.worker.probes,
      ...(this.#random && { random: this.#random }),
    });
    return { waitMs, nextMs: nowMs + waitMs };
  }
}

const sizeOf = ({ probes }: Opening): number => Math.min(LARGEST_PROBE, FIRST_PROBE * 2 ** probes);
