// Gives the processes of this host the niceness that follows from their queues' weights, while they come and go.
//
// Fails by: ordinary users may not lower niceness. A process that is far too nice after its queue has lost workers is
// replaced: the next one begins with our own niceness.
import { getPriority, setPriority } from 'node:os';
import type { Worked } from '../../config/worked.ts';
import { nicenessOf } from './niceness.ts';
import type { Slot } from './slot/slot.ts';

/** In steps: about half of what the queue should get. */
const FAR_TOO_NICE = 3;

export class Priorities {
  readonly #queues: ReadonlyMap<string, Worked>;
  readonly #own = getPriority();
  readonly #set = new Map<number, number>();

  /** Does nothing where no queue has a weight. @param queues as they are now. */
  constructor(queues: ReadonlyMap<string, Worked>) {
    this.#queues = queues;
  }

  apply(slots: readonly Slot[]): void {
    const isUsed = [...this.#queues.values()].some(({ weight }) => weight !== undefined);
    // Where the file has lost its weights, what was set goes back.
    if (!isUsed && this.#set.size === 0) return;
    const niceness = nicenessOf(
      [...this.#queues.values()].map(({ name, weight = 1 }) => ({
        queue: name,
        weight,
        workers: slots.filter(({ queue, pid }) => queue === name && pid !== undefined).length,
      })),
    );
    const alive = new Set<number>();
    for (const slot of slots) {
      // A process that is still starting would start slowly.
      if (slot.pid === undefined || !slot.isRunning) continue;
      alive.add(slot.pid);
      this.#give(slot, slot.pid, (isUsed ? niceness.get(slot.queue) : undefined) ?? 0);
    }
    for (const pid of this.#set.keys()) if (!alive.has(pid)) this.#set.delete(pid);
  }

  #give(slot: Slot, pid: number, niceness: number): void {
    const before = this.#set.get(pid) ?? 0;
    if (before === niceness) return;
    try {
      setPriority(pid, Math.min(19, this.#own + niceness));
      this.#set.set(pid, niceness);
    } catch {
      // The process has just ended, or its niceness may not be lowered.
      if (before - niceness >= FAR_TOO_NICE) slot.replace('to get its share of the processors');
    }
  }
}
