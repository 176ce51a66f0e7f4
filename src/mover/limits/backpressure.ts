// How fast a central queue is filled, from what it holds and what it may: disk, and events that wait for its workers. Pure.
//
// From four fifths of a limit on each commit is followed by a pause that grows; at the limit forwarding stops until
// workers and rotation have brought it down to nine tenths. All shards share a queue's gatherer, hence the pauses, alike.
import type { QueueBacklog } from '../../central/queue-backlog.ts';
import { TIMING } from '../../lifecycle/timing.ts';

export interface BackpressureLimits {
  /** Disk of the event tables; undefined: any. */
  readonly bytes: number | undefined;
  /** Events that wait; undefined: any number. */
  readonly waiting: number | undefined;
}

const SLOW_FROM = 0.8;
const RESUME_AT = 0.9;

export class Backpressure {
  readonly #queue: string;
  #limits: BackpressureLimits;
  #backlog: QueueBacklog = { bytes: 0, waiting: 0 };
  #hasStopped = false;

  constructor(queue: string, limits: BackpressureLimits) {
    this.#queue = queue;
    this.#limits = limits;
  }

  /** Other limits count from the next measuring on. */
  limit(limits: BackpressureLimits): void {
    this.#limits = limits;
  }

  measured(backlog: QueueBacklog): void {
    this.#backlog = backlog;
    const share = Math.max(this.#shareOf('bytes'), this.#shareOf('waiting'));
    this.#hasStopped = share >= 1 || (this.#hasStopped && share > RESUME_AT);
  }

  get hasStopped(): boolean {
    return this.#hasStopped;
  }

  /** After each commit, in ms. */
  get pauseMs(): number {
    const share = Math.max(this.#shareOf('bytes'), this.#shareOf('waiting'));
    if (share <= SLOW_FROM) return 0;
    return Math.round(TIMING.gathering.longestPauseMs * Math.min(1, (share - SLOW_FROM) / (1 - SLOW_FROM)));
  }

  /** For operators: undefined where nothing is held back. */
  get reason(): string | undefined {
    if (!this.#hasStopped && this.pauseMs === 0) return undefined;
    const what = this.#hasStopped ? 'nothing is forwarded until it is less' : 'forwarding is slowed';
    const { bytes: limitBytes = 0, waiting: mostWaiting = 0 } = this.#limits;
    const { bytes, waiting } = this.#backlog;
    if (this.#shareOf('waiting') >= this.#shareOf('bytes')) {
      return `In central queue ${this.#queue} ${waiting} events wait, of the ${mostWaiting} of its \`waiting\`: ${what}; add workers, see that they finish, or raise it.`;
    }
    return `Central queue ${this.#queue} holds ${megabytes(bytes)} of the ${megabytes(limitBytes)} of its \`backlog\`: ${what}; ${waiting} events in it wait for workers, the rest for rotation: add workers, shorten the queue's rotation period, or raise it.`;
  }

  #shareOf(what: keyof QueueBacklog): number {
    const limit = this.#limits[what];
    return limit === undefined ? 0 : this.#backlog[what] / limit;
  }
}

/** What is filled together is as slow as the slowest: all of it stands on one position. */
export class BackpressureOfAll {
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
}

/** What a queue of the file says; undefined where it sets no limit. */
export function limitsOf(
  queue: { readonly backlogBytes?: number; readonly mostWaiting?: number } | undefined,
): BackpressureLimits | undefined {
  const limits = { bytes: queue?.backlogBytes, waiting: queue?.mostWaiting };
  return (limits.bytes ?? limits.waiting) === undefined ? undefined : limits;
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 1_048_576)} MB`;
