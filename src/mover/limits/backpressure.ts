// How a central queue is filled, from what it holds and what it may: disk, and events that wait for its workers. Pure.
//
// Disk: from four fifths of the limit on each commit is followed by a pause that grows; at the limit forwarding stops until
// rotation has brought it down to nine tenths. All shards share a queue's gatherer, hence the pauses, alike.
// Events that wait: each shard brings its part of the room that there is, see admission.ts.
import type { QueueBacklog } from '../../central/queue-backlog.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { Admission, type OwnClaims } from './admission.ts';

export interface BackpressureLimits {
  /** Disk of the event tables; undefined: any. */
  readonly bytes: number | undefined;
  /** Events that wait; undefined: any number. */
  readonly waiting: number | undefined;
}

/** What limits how queues are filled, as a gatherer asks for it. */
export type FillLimit = Pick<Backpressure, 'hasStopped' | 'pauseMs' | 'takes' | 'mostFrom' | 'handedOn'>;

const SLOW_FROM = 0.8;
const RESUME_AT = 0.9;

const EMPTY: QueueBacklog = { bytes: 0, waiting: 0, handled: 0, others: [] };
const NO_CLAIMS: OwnClaims = { shards: new Map(), underWay: 0 };

export class Backpressure {
  readonly #queue: string;
  #limits: BackpressureLimits;
  #admission: Admission | undefined;
  /** Called once between two looks where a shard is held back. */
  readonly #onShort: () => void;
  #backlog = EMPTY;
  #hasStopped = false;
  #handed = 0;

  constructor(queue: string, limits: BackpressureLimits, onShort: () => void = () => {}) {
    this.#queue = queue;
    this.#limits = limits;
    this.#onShort = onShort;
    this.limit(limits);
  }

  /** Other limits count from the next measuring on. */
  limit(limits: BackpressureLimits): void {
    this.#limits = limits;
    const { waiting } = limits;
    if (waiting === undefined) this.#admission = undefined;
    else if (this.#admission === undefined) this.#admission = new Admission(waiting);
    else this.#admission.limit(waiting);
  }

  /** @param backlog undefined: the queue does not exist. */
  measured(backlog: QueueBacklog = EMPTY, own: OwnClaims = NO_CLAIMS): void {
    this.#backlog = backlog;
    const share = this.#bytesShare;
    this.#hasStopped = share >= 1 || (this.#hasStopped && share > RESUME_AT);
    this.#admission?.looked(backlog, own);
  }

  /** Its disk is full. */
  get hasStopped(): boolean {
    return this.#hasStopped;
  }

  /** After each commit, in ms. */
  get pauseMs(): number {
    const share = this.#bytesShare;
    if (share <= SLOW_FROM) return 0;
    return Math.round(TIMING.gathering.longestPauseMs * Math.min(1, (share - SLOW_FROM) / (1 - SLOW_FROM)));
  }

  /** Whether more of the shard may be read for it. */
  takes(shard: string): boolean {
    const wasShort = this.isShort;
    const isTaken = this.#admission?.takes(shard) ?? true;
    if (this.isShort && !wasShort) this.#onShort();
    return isTaken && !this.#hasStopped;
  }

  /** How many events of the shard should be read for it at most. */
  mostFrom(shard: string): number {
    return this.#admission?.mostFrom(shard) ?? Number.POSITIVE_INFINITY;
  }

  /** @param eventsFor how many of the events that were read go to a queue. */
  handedOn(shard: string, eventsFor: (queue: string) => number): void {
    if (this.#admission === undefined) return;
    const events = eventsFor(this.#queue);
    this.#handed += events;
    this.#admission.handedOn(shard, events);
  }

  /** Events that were handed on to it so far. */
  get handed(): number {
    return this.#handed;
  }

  /** Whether the last look found room for more than a few. */
  get hasMuchRoom(): boolean {
    return this.#admission?.hasMuchRoom ?? false;
  }

  /** Whether shards would bring more than they may: then another look should follow soon. */
  get isShort(): boolean {
    return this.#admission?.isShort ?? false;
  }

  /** For operators: undefined where nothing of the shard is held back. */
  reasonFor(shard: string): string | undefined {
    const { bytes: limitBytes = 0, waiting: mostWaiting = 0 } = this.#limits;
    const { bytes, waiting } = this.#backlog;
    if (this.#hasStopped || this.pauseMs > 0) {
      const what = this.#hasStopped ? 'nothing is forwarded until it is less' : 'forwarding is slowed';
      return `Central queue ${this.#queue} holds ${megabytes(bytes)} of the ${megabytes(limitBytes)} of its \`backlog\`: ${what}; ${waiting} events in it wait for workers, the rest for rotation: add workers, shorten the queue's rotation period, or raise it.`;
    }
    // What is under way may fill it as well, for a moment.
    if (waiting < mostWaiting * SLOW_FROM || this.#admission?.holdsBack(shard) !== true) return undefined;
    return `In central queue ${this.#queue} ${waiting} events wait, of the ${mostWaiting} of its \`waiting\`: more goes in as workers make room, of each shard in turn; add workers, see that they finish, or raise it.`;
  }

  get #bytesShare(): number {
    const { bytes: limit } = this.#limits;
    return limit === undefined ? 0 : this.#backlog.bytes / limit;
  }
}

/** What is filled together is as slow as the slowest: all of it stands on one position. */
export class BackpressureOfAll implements FillLimit {
  readonly #all: readonly Backpressure[];

  constructor(all: readonly Backpressure[]) {
    this.#all = all;
  }

  get hasStopped(): boolean {
    return this.#all.some(({ hasStopped }) => hasStopped);
  }

  get pauseMs(): number {
    return this.#all.reduce((most, { pauseMs }) => Math.max(most, pauseMs), 0);
  }

  takes(shard: string): boolean {
    return this.#all.every((one) => one.takes(shard));
  }

  mostFrom(shard: string): number {
    return this.#all.reduce((most, one) => Math.min(most, one.mostFrom(shard)), Number.POSITIVE_INFINITY);
  }

  handedOn(shard: string, eventsFor: (queue: string) => number): void {
    for (const one of this.#all) one.handedOn(shard, eventsFor);
  }
}

/** What a queue of the file says; undefined where it sets no limit. */
export function limitsOf(
  queue: { readonly backlogBytes?: number; readonly mostWaiting?: number } | undefined,
): BackpressureLimits | undefined {
  const limits = { bytes: queue?.backlogBytes, waiting: queue?.mostWaiting };
  return (limits.bytes ?? limits.waiting) === undefined ? undefined : limits;
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 1_048_576)} MB`;
