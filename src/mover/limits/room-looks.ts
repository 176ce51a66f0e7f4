// Looks how much central queues hold that have a limit: now and then, and soon where shards have more for one than they may bring.
//
// Order: after a look that found much room for what was held back the next one follows soon; looks that found little are further
// and further apart, since each gives out what came free since the one before.
import type { CentralLink } from '../../central/central-link.ts';
import { readBacklogs } from '../../central/queue-backlog.ts';
import { backoffMs } from '../../lifecycle/backoff.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { type Signal, wait } from '../../lifecycle/wait.ts';
import type { OwnClaims } from './admission.ts';
import type { Backpressure } from './backpressure.ts';

export interface RoomLooksOptions {
  readonly link: CentralLink;
  /** The mover's member id. */
  readonly member: string;
  /** By central queue. */
  readonly backpressures: ReadonlyMap<string, Backpressure>;
  /** A shard is held back that was not since the last look. */
  readonly onShort: Signal;
  /** What the mover's own shards have for a queue now. */
  readonly claimsOf: (queue: string) => OwnClaims;
  /** After each look: what was held back may go on. */
  readonly onLooked: () => void;
  readonly onTrouble: (error: unknown) => void;
}

export class RoomLooks {
  readonly #options: RoomLooksOptions;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  /** Looks in a row that found little room. */
  #scarce = 0;
  turns = 0;

  constructor(options: RoomLooksOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { onShort, onTrouble } = this.#options;
    signal.addEventListener('abort', () => onShort.notify(), { once: true });
    while (!signal.aborted) {
      this.turns += 1;
      const inMs = this.#dueAtMs - performance.now();
      if (inMs > 0) {
        await onShort.next(inMs);
        continue;
      }
      try {
        await this.#look();
      } catch (error) {
        onTrouble(error);
        await wait(TIMING.reports.syncEveryMs, signal);
      }
    }
  }

  get #all(): readonly Backpressure[] {
    return [...this.#options.backpressures.values()];
  }

  get #dueAtMs(): number {
    const isShort = this.#all.some((one) => one.isShort);
    return (
      this.#lookedAtMs +
      (isShort ? backoffMs(this.#scarce + 1, TIMING.reports.roomMs) : TIMING.reports.backlogEveryMs)
    );
  }

  async #look(): Promise<void> {
    const { link, member, backpressures, claimsOf, onLooked } = this.#options;
    this.#lookedAtMs = performance.now();
    const before = new Map(
      [...backpressures].map(([queue, { handed }]) => [
        queue,
        { handed, underWay: claimsOf(queue).underWay },
      ]),
    );
    const backlogs = await readBacklogs(link, { queues: [...backpressures.keys()], member });
    for (const [queue, backpressure] of backpressures) {
      const known = before.get(queue);
      if (known === undefined) continue;
      // What was committed meanwhile may count twice, never not at all.
      const underWay = known.underWay + backpressure.handed - known.handed;
      backpressure.measured(backlogs.get(queue), { ...claimsOf(queue), underWay });
    }
    this.#scarce = this.#all.some((one) => one.hasMuchRoom) ? 0 : this.#scarce + 1;
    onLooked();
  }
}
