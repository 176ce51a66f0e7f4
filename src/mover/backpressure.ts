// How fast a central queue is filled, from how much disk it holds and how much it may. Pure.
//
// From four fifths of the limit on each commit is followed by a pause that grows; at the limit forwarding stops until
// workers and rotation have brought it down to nine tenths. All shards share a queue's gatherer, hence the pauses, alike.

const SLOW_FROM = 0.8;
const RESUME_AT = 0.9;
const LONGEST_PAUSE_MS = 2_000;

export class Backpressure {
  readonly #queue: string;
  readonly #limitBytes: number;
  #heldBytes = 0;
  #hasStopped = false;

  constructor(queue: string, limitBytes: number) {
    this.#queue = queue;
    this.#limitBytes = limitBytes;
  }

  measured(heldBytes: number): void {
    this.#heldBytes = heldBytes;
    const share = heldBytes / this.#limitBytes;
    this.#hasStopped = share >= 1 || (this.#hasStopped && share > RESUME_AT);
  }

  get hasStopped(): boolean {
    return this.#hasStopped;
  }

  /** After each commit, in ms. */
  get pauseMs(): number {
    const share = this.#heldBytes / this.#limitBytes;
    if (share <= SLOW_FROM) return 0;
    return Math.round(LONGEST_PAUSE_MS * Math.min(1, (share - SLOW_FROM) / (1 - SLOW_FROM)));
  }

  /** For operators: undefined where nothing is held back. */
  get reason(): string | undefined {
    if (!this.#hasStopped && this.pauseMs === 0) return undefined;
    const held = `Central queue ${this.#queue} holds ${megabytes(this.#heldBytes)} of the ${megabytes(this.#limitBytes)} of its \`backlog\``;
    const remedy = 'add workers, see that they finish, or raise it';
    return this.#hasStopped
      ? `${held}: nothing is forwarded until it is less; ${remedy}.`
      : `${held}: forwarding is slowed; ${remedy}.`;
  }
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 1_048_576)} MB`;
