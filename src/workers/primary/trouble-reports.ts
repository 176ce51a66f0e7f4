// Reports queues whose workers cannot run, or of which nothing succeeds: once when that begins and once when it is over.
import type { OnWorkerOccurrence } from './occurrence.ts';

interface Kinds {
  readonly begins: 'queue-parked' | 'queue-held-back';
  readonly ends: 'queue-unparked' | 'queue-released';
}

export class TroubleReports {
  readonly #reported = new Set<string>();
  readonly #kinds: Kinds;
  readonly #onOccurrence: OnWorkerOccurrence;

  constructor(kinds: Kinds, onOccurrence: OnWorkerOccurrence) {
    this.#kinds = kinds;
    this.#onOccurrence = onOccurrence;
  }

  /** @param sentences why, by queue. */
  report(sentences: Readonly<Record<string, string>>): void {
    for (const [queue, sentence] of Object.entries(sentences)) {
      if (!this.#reported.has(queue)) this.#onOccurrence({ kind: this.#kinds.begins, queue, sentence });
      this.#reported.add(queue);
    }
    for (const queue of this.#reported) {
      if (queue in sentences) continue;
      this.#reported.delete(queue);
      this.#onOccurrence({ kind: this.#kinds.ends, queue });
    }
  }
}
