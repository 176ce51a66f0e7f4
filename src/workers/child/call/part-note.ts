// The row of `tributary.handled` that a transaction leaves of its part of the batch: `trace` finds an event by the batch's
// ticks and the part's last event. Written in the message that ends the transaction, so it costs no round trip.
//
// Invariant: whatever events and errors hold, the row can be written: it must not make the batch fail.
import { literal } from '../../../postgres/quote.ts';
import type { CoopBatch, CoopMember } from '../../../queue/coop.ts';
import type { PartCalls } from '../tries/part-calls.ts';
import type { Outcomes } from './outcomes.ts';

/** Fates that one row keeps, and how much of each error. */
const MOST_FATES = 200;
const LONGEST_ERROR = 300;

export interface PartDone {
  /** The last event of the part; undefined: it goes to the end of the batch. */
  readonly lastEventId: number | undefined;
  /** Settled by the transaction, with those that were put off or died. */
  readonly events: number;
  readonly putOff: number;
  readonly dead: number;
}

/** What became of an event that was not simply done; read by `trace`. */
interface NotedFate {
  readonly id: number;
  readonly became: 'put-off' | 'dead' | 'recovered';
  readonly attempts?: number;
  readonly error?: string;
  readonly after_ms?: number;
}

export interface NoteFacts {
  readonly batch: CoopBatch;
  readonly membership: CoopMember;
  /** `orders`, or `orders/billing`. */
  readonly work: string;
  readonly host: string | undefined;
  readonly calls: PartCalls;
}

export class PartNote {
  readonly #facts: NoteFacts;
  #fates: NotedFate[] = [];

  constructor(facts: NoteFacts) {
    this.#facts = facts;
  }

  /** These outcomes are written in the open transaction. */
  wrote({ putOff, dead, recovered }: Outcomes): void {
    for (const { event, attempts, error, afterMs } of putOff)
      this.#add({
        id: event.id,
        became: 'put-off',
        attempts,
        ...errorOf(error),
        after_ms: Math.round(afterMs),
      });
    for (const { event, attempts, error } of dead)
      this.#add({ id: event.id, became: 'dead', attempts, ...errorOf(error) });
    for (const id of recovered) this.#add({ id, became: 'recovered' });
  }

  /** Nothing else is written in it: an earlier attempt has failed. */
  wroteOnly(outcomes: Outcomes): void {
    this.#fates = [];
    this.wrote(outcomes);
  }

  /** A transaction begins, or the last one was rolled back: nothing of it is noted. */
  begun(): void {
    this.#fates = [];
    this.#facts.calls.clear();
  }

  /** The call that writes the row, to select; empty where no event was settled. */
  sql({ lastEventId, events, putOff, dead }: PartDone): string {
    if (events === 0) return '';
    const { batch, calls, host, membership, work } = this.#facts;
    const values = [
      literal(work),
      batch.startTick,
      batch.endTick,
      lastEventId ?? 'null',
      batch.token,
      batch.openings,
      literal(membership.member),
      host === undefined ? 'null' : literal(host),
      process.pid,
      ...[events, putOff, dead],
      ...[calls.calls, calls.ms.toFixed(3), calls.longestMs.toFixed(3)],
      this.#fates.length === 0 ? 'null' : literal(asciiJson(this.#fates)),
      ...(batch.lane === undefined ? [] : [batch.lane]),
    ];
    return `tributary.note_handled(${values.join(', ')})`;
  }

  #add(fate: NotedFate): void {
    if (this.#fates.length < MOST_FATES) this.#fates.push(fate);
  }
}

/** Whatever the encoding of central, it has these characters. */
const asciiJson = (value: unknown): string =>
  JSON.stringify(value).replaceAll(
    /[^ -~]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** Cutting may leave half a surrogate pair; PostgreSQL would not read it as JSON. */
function errorOf(error: string | undefined): { readonly error?: string } {
  if (error === undefined) return {};
  const short = error.length > LONGEST_ERROR ? `${error.slice(0, LONGEST_ERROR - 1)}…` : error;
  return { error: Buffer.from(short.replaceAll('\0', ''), 'utf8').toString('utf8') };
}
