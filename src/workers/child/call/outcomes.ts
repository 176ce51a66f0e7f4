// Collects what becomes of the events of a batch that are not simply done: put off, or dead. Pure.
import type { Queue } from '../../../config/config.ts';
import { describeThrown } from '../../../errors/thrown.ts';
import type { BatchEvent } from '../../../handler/event.ts';
import { backoffMs } from '../../../lifecycle/backoff.ts';

/** What becomes of one event; its fields stay in its row until they are written. */
interface OutcomeBase {
  readonly event: BatchEvent;
  /** The retry count that it will be handed out with, or died with. */
  readonly retry: number;
  readonly attempts: number;
}

export interface PutOff extends OutcomeBase {
  readonly afterMs: number;
  readonly error?: string;
}

export interface Dead extends OutcomeBase {
  readonly kind: 'handler' | 'killed';
  readonly error: string;
  readonly sqlstate?: string | undefined;
  readonly stack?: string | undefined;
}

/** What is written in the batch's transaction. */
export interface Outcomes {
  readonly putOff: readonly PutOff[];
  readonly dead: readonly Dead[];
  /** Ids of events that failed before and are done now. */
  readonly recovered: readonly number[];
}

type Outcome = { readonly putOff: PutOff } | { readonly dead: Dead };

/** Outcomes in memory before they are written. */
const MOST_OUTCOMES = 200;
const MOST_OUTCOME_BYTES = 8_000_000;

/** Longer error texts are cut. */
const LONGEST = 8_000;

/** Collects the outcomes of some events; a re-run of an event begins by forgetting what was decided about it. */
export class OutcomeBook {
  readonly #retry: Queue['retry'];
  readonly #byEvent = new Map<BatchEvent, Outcome>();
  readonly #recovered = new Set<BatchEvent>();

  constructor(retry: Queue['retry']) {
    this.#retry = retry;
  }

  forget(event: BatchEvent): void {
    this.#byEvent.delete(event);
    this.#recovered.delete(event);
  }

  /** It was put off, or given up. */
  isDecided(event: BatchEvent): boolean {
    return this.#byEvent.has(event);
  }

  /** The handler returned. */
  done(event: BatchEvent): void {
    if (event.row.wasPutOff && !this.#byEvent.has(event)) this.#recovered.add(event);
  }

  /** Its handling failed: another try with backoff, or dead after the last one. @param isCounted it counts as one of its tries. */
  failed(event: BatchEvent, thrown: unknown, { isCounted = true } = {}): 'put-off' | 'dead' {
    const attempts = event.retry + (isCounted ? 1 : 0);
    const { message, sqlstate, stack } = describeThrown(thrown, 'The handler');
    const error = cut(message);
    if (isCounted && attempts >= this.#retry.attempts) {
      const fate = { event, retry: event.retry, attempts, kind: 'handler', error, sqlstate } as const;
      this.#byEvent.set(event, { dead: { ...fate, stack: stack === undefined ? undefined : cut(stack) } });
      return 'dead';
    }
    const afterMs = backoffMs(event.retry + 1, this.#retry);
    this.#byEvent.set(event, { putOff: { event, retry: attempts, attempts, afterMs, error } });
    return 'put-off';
  }

  /** The handler asked for another time. */
  postponed(event: BatchEvent, afterMs: number | undefined): void {
    const { retry } = event;
    const putOff = { event, retry, attempts: retry, afterMs: afterMs ?? backoffMs(retry + 1, this.#retry) };
    this.#byEvent.set(event, { putOff });
  }

  /** The handler gave it up, or it killed its workers. */
  dead(event: BatchEvent, kind: Dead['kind'], reason: string): void {
    const { retry } = event;
    this.#byEvent.set(event, { dead: { event, retry, attempts: retry + 1, kind, error: cut(reason) } });
  }

  /** A book of what was decided about some events. */
  only(isMeant: (event: BatchEvent) => boolean): OutcomeBook {
    const book = new OutcomeBook(this.#retry);
    for (const [event, outcome] of this.#byEvent) if (isMeant(event)) book.#byEvent.set(event, outcome);
    for (const event of this.#recovered) if (isMeant(event)) book.#recovered.add(event);
    return book;
  }

  isPutOff(event: BatchEvent): boolean {
    const outcome = this.#byEvent.get(event);
    return outcome !== undefined && 'putOff' in outcome;
  }

  get hasPutOff(): boolean {
    for (const outcome of this.#byEvent.values()) if ('putOff' in outcome) return true;
    return false;
  }

  /** Forgets all outcomes. */
  clear(): void {
    this.#byEvent.clear();
    this.#recovered.clear();
  }

  /** About how many bytes the events hold that are put off or dead. */
  get bytes(): number {
    let bytes = 0;
    for (const event of this.#byEvent.keys()) bytes += event.row.size;
    return bytes;
  }

  get size(): number {
    return this.#byEvent.size + this.#recovered.size;
  }

  /** They should be written before they take much memory. */
  get isLarge(): boolean {
    return this.size >= MOST_OUTCOMES || this.bytes >= MOST_OUTCOME_BYTES;
  }

  /** Everything so far, of events up to `lastEventId` where it is given. */
  outcomes(lastEventId = Number.POSITIVE_INFINITY): Outcomes {
    const putOff: PutOff[] = [];
    const dead: Dead[] = [];
    for (const [event, outcome] of this.#byEvent) {
      if (event.id > lastEventId) continue;
      if ('putOff' in outcome) putOff.push(outcome.putOff);
      else dead.push(outcome.dead);
    }
    const recovered = [...this.#recovered].map(({ id }) => id).filter((id) => id <= lastEventId);
    return { putOff, dead, recovered };
  }

  /** The same, removed from the book. */
  take(lastEventId = Number.POSITIVE_INFINITY): Outcomes {
    const taken = this.outcomes(lastEventId);
    for (const event of [...this.#byEvent.keys(), ...this.#recovered])
      if (event.id <= lastEventId) this.forget(event);
    return taken;
  }
}

/** PostgreSQL's text cannot hold the character 0, nor half a surrogate pair. */
function cut(text: string): string {
  const short = text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
  return Buffer.from(short.replaceAll('\u0000', ''), 'utf8').toString('utf8');
}
