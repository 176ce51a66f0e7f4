// What becomes of the events of a batch that are not simply done: put off, or dead. Pure until they are written.
import type { Queue } from '../../config/config.ts';
import { sqlstateOf } from '../../errors/sqlstate.ts';
import type { BatchEvent } from '../../handler/event.ts';
import { backoffMs } from '../../lifecycle/backoff.ts';

/** As `tributary.put_off` and `tributary.bury` read it. */
interface EventJson {
  readonly id: number;
  readonly time: string;
  readonly retry: number;
  readonly type: string | null;
  readonly data: string | null;
  readonly extra1: string | null;
  readonly extra2: string | null;
  readonly extra3: string | null;
  readonly extra4: string | null;
  readonly origin: string;
  readonly attempts: number;
}

export interface PutOff extends EventJson {
  readonly after_ms: number;
  readonly error?: string;
}

export interface Dead extends EventJson {
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

/** Longer texts say nothing more. */
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

  /** The handler returned. */
  done(event: BatchEvent): void {
    if (event.row.wasPutOff && !this.#byEvent.has(event)) this.#recovered.add(event);
  }

  /** The handler threw: another try with backoff, or dead after the last one. */
  failed(event: BatchEvent, error: unknown): 'put-off' | 'dead' {
    const attempts = event.retry + 1;
    const message = cut(messageOf(error));
    if (attempts >= this.#retry.attempts) {
      const stack = error instanceof Error && error.stack !== undefined ? cut(error.stack) : undefined;
      this.#byEvent.set(event, {
        dead: {
          ...jsonOf(event),
          kind: 'handler',
          attempts,
          error: message,
          sqlstate: sqlstateOf(error),
          stack,
        },
      });
      return 'dead';
    }
    const after_ms = backoffMs(attempts, this.#retry);
    this.#byEvent.set(event, {
      putOff: { ...jsonOf(event), retry: attempts, attempts, after_ms, error: message },
    });
    return 'put-off';
  }

  /** The handler asked for another time. */
  postponed(event: BatchEvent, afterMs: number | undefined): void {
    const after_ms = afterMs ?? backoffMs(event.retry + 1, this.#retry);
    this.#byEvent.set(event, { putOff: { ...jsonOf(event), attempts: event.retry, after_ms } });
  }

  /** The handler gave it up, or it killed its workers. */
  condemned(event: BatchEvent, kind: Dead['kind'], reason: string): void {
    this.#byEvent.set(event, {
      dead: { ...jsonOf(event), kind, attempts: event.retry + 1, error: cut(reason) },
    });
  }

  get size(): number {
    return this.#byEvent.size + this.#recovered.size;
  }

  /** Everything so far, of events up to `lastEventId` where it is given; the book no longer has it. */
  take(lastEventId = Number.POSITIVE_INFINITY): Outcomes {
    const putOff: PutOff[] = [];
    const dead: Dead[] = [];
    const recovered: number[] = [];
    for (const [event, outcome] of this.#byEvent) {
      if (event.id > lastEventId) continue;
      if ('putOff' in outcome) putOff.push(outcome.putOff);
      else dead.push(outcome.dead);
      this.#byEvent.delete(event);
    }
    for (const event of this.#recovered) {
      if (event.id > lastEventId) continue;
      recovered.push(event.id);
      this.#recovered.delete(event);
    }
    return { putOff, dead, recovered };
  }
}

function jsonOf(event: BatchEvent): EventJson {
  const { id, row, type, data, extra1, extra2, extra3, extra4, retry, origin } = event;
  return {
    ...{ id, time: row.timeText, retry, type, data, extra1, extra2, extra3, extra4 },
    origin: String(origin),
    attempts: retry,
  };
}

function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message === '' ? error.name : error.message;
  return `The handler threw ${String(error)}.`;
}

/** PostgreSQL's text cannot hold the character 0, nor half a surrogate pair. */
function cut(text: string): string {
  const short = text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
  return Buffer.from(short.replaceAll('\u0000', ''), 'utf8').toString('utf8');
}
