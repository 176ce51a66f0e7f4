// Replaces workers by new processes, one slot at a time, so that new handler code goes live without a gap.
//
// Level-triggered: a process of an older generation than is wanted, or that began before its queue was to be begun anew here, is replaced,
// however often its successor fails.
import { TIMING } from '../../lifecycle/timing.ts';
import type { Slot } from './slot/slot.ts';

export interface RollingState {
  /** By queue: the oldest generation of the processes here. */
  readonly generations: Readonly<Record<string, number>>;
  /** By queue: why an old process goes on, and of which generation the new one was. */
  readonly kept: Readonly<Record<string, string>>;
  readonly keptOf: Readonly<Record<string, number>>;
}

export class RollingRestart {
  readonly #generations = new Map<string, number>();
  /** Since when that generation is wanted. */
  readonly #wantedMs = new Map<string, number>();
  /** By queue: processes that began before it are to be replaced. */
  readonly #bornBeforeMs = new Map<string, number>();

  /** The generation wanted: how often all workers of the queue were to be replaced so far. */
  generationOf(queue: string): number {
    return this.#generations.get(queue) ?? 0;
  }

  want(queue: string, generation: number): void {
    if (this.#generations.get(queue) !== generation) this.#wantedMs.set(queue, performance.now());
    this.#generations.set(queue, generation);
  }

  /** All present processes of these queues on this host are to be replaced. */
  wantAnew(queues: Iterable<string>): void {
    for (const queue of queues) this.#bornBeforeMs.set(queue, performance.now());
  }

  /** Begins the next replacement, where one is due. */
  runOnce(slots: readonly Slot[]): void {
    if (
      slots.some(({ replacement: { ageMs } }) => ageMs !== undefined && ageMs < TIMING.pool.rollingPatienceMs)
    )
      return;
    slots.some((slot) => this.#isOld(slot) && slot.replace('by new code', this.#wantedSince(slot)));
  }

  of(slots: readonly Slot[]): RollingState {
    const generations: Record<string, number> = {};
    const kept: Record<string, string> = {};
    const keptOf: Record<string, number> = {};
    for (const slot of slots) {
      generations[slot.queue] = Math.min(slot.generation, generations[slot.queue] ?? slot.generation);
      const { queue, replacement } = slot;
      if (replacement.kept === undefined || replacement.kept.generation < (keptOf[queue] ?? 0)) continue;
      kept[queue] = replacement.kept.sentence;
      keptOf[queue] = replacement.kept.generation;
    }
    return { generations, kept, keptOf };
  }

  #wantedSince({ queue }: Slot): number {
    return Math.max(this.#wantedMs.get(queue) ?? 0, this.#anewMs(queue));
  }

  #isOld(slot: Slot): boolean {
    return slot.generation < this.generationOf(slot.queue) || slot.bornMs < this.#anewMs(slot.queue);
  }

  #anewMs(queue: string): number {
    return this.#bornBeforeMs.get(queue) ?? Number.NEGATIVE_INFINITY;
  }
}
