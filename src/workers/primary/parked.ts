// Tells of queues whose workers cannot run, once when it begins and once when it is over.
import type { OnWorkerOccurrence } from './occurrence.ts';

export class Parked {
  readonly #told = new Set<string>();
  readonly #onOccurrence: OnWorkerOccurrence;

  constructor(onOccurrence: OnWorkerOccurrence) {
    this.#onOccurrence = onOccurrence;
  }

  /** @param parked why, by queue. */
  tell(parked: Readonly<Record<string, string>>): void {
    for (const [queue, sentence] of Object.entries(parked)) {
      if (!this.#told.has(queue)) this.#onOccurrence({ kind: 'queue-parked', queue, sentence });
      this.#told.add(queue);
    }
    for (const queue of this.#told) {
      if (queue in parked) continue;
      this.#told.delete(queue);
      this.#onOccurrence({ kind: 'queue-unparked', queue });
    }
  }
}
