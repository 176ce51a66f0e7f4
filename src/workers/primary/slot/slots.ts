// The slots of this host with their workers: filled as terms are taken, emptied as they end.
//
// Invariant: a slot is filled only while its term is held, is not being let go, and the slot is wanted; and never while a
// process of an earlier filling is still there.

import type { Queue, Recycle } from '../../../config/config.ts';
import type { StartMessage } from '../../protocol.ts';
import type { OnWorkerOccurrence } from '../occurrence.ts';
import { figuresOf } from './figures.ts';
import { Slot } from './slot.ts';
import type { StopOptions } from './stopping.ts';

export interface WantedSlot {
  readonly slot: string;
  readonly queue: string;
}

/** The workers of one queue on this host. */
export interface QueueLoad {
  readonly queue: string;
  readonly up: number;
  readonly busy: number;
}

export interface SlotsOptions {
  /** The first message to the worker of a slot; undefined: its queue is in the file no longer. */
  startOf(wanted: WantedSlot): StartMessage | undefined;
  recycleOf(queue: string): Recycle;
  /** The generation wanted: how often all workers of a queue were to be replaced so far. */
  generationOf(queue: string): number;
  /** We ended a worker, not for its silence, while it had the batch with this token. */
  onAbandoned(token: number): void;
  readonly onOccurrence: OnWorkerOccurrence;
}

/** After a batch of this many events there are probably more than one worker can handle. */
const MANY_EVENTS = 1_000;

export class Slots {
  readonly #options: SlotsOptions;
  readonly #slots = new Map<string, Slot>();
  /** Queues that were ticked while no worker of theirs waited: one may have looked just before, and is about to wait. */
  readonly #missed = new Set<string>();

  constructor(options: SlotsOptions) {
    this.#options = options;
  }

  get all(): readonly Slot[] {
    return [...this.#slots.values()];
  }

  /** How many workers of each queue are up, and how many of them have a batch. */
  load(queues: readonly string[]): readonly QueueLoad[] {
    return queues.map((queue) => {
      const own = this.all.filter((slot) => slot.queue === queue && slot.isRunning);
      return { queue, up: own.length, busy: own.filter(({ token }) => token !== undefined).length };
    });
  }

  /** What `lag` and other commands show of this host's workers on these queues. */
  details(queues: readonly string[]) {
    const up = this.all.filter(({ isRunning }) => isRunning);
    return {
      /** How many workers are up, by queue. */
      running: Object.fromEntries(
        queues.map((name) => [name, up.filter(({ queue }) => queue === name).length]),
      ),
      parked: this.parked,
      /** Process ids by slot. */
      pids: Object.fromEntries(this.all.flatMap(({ name, pid }) => (pid === undefined ? [] : [[name, pid]]))),
      /** Their processes by slot: memory, since when by this machine's clock (s since 1970), and how many died before. */
      workers: Object.fromEntries(
        up.map(({ name, bornMs, standing: { memoryMb = null, died } }) => [
          name,
          { mb: memoryMb, since: Math.round((performance.timeOrigin + bornMs) / 1_000), died },
        ]),
      ),
      ...figuresOf(this.all),
    };
  }

  /** Why queues have no worker although they want some: a sentence by queue. */
  get parked(): Readonly<Record<string, string>> {
    return Object.fromEntries(
      this.all.flatMap(({ queue, unusable }) => (unusable === undefined ? [] : [[queue, unusable]])),
    );
  }

  /** Queues of which nothing succeeds: a sentence by queue. */
  get heldBack(): Readonly<Record<string, string>> {
    return Object.fromEntries(
      this.all.flatMap(({ queue, standing: { heldBack } }) =>
        heldBack === undefined ? [] : [[queue, heldBack]],
      ),
    );
  }

  /** Starts workers in these slots where there are none. */
  fill(wanted: readonly WantedSlot[]): void {
    for (const one of wanted) {
      // A slot that is still being emptied is filled again in a later round.
      if (this.#slots.has(one.slot)) continue;
      let start = this.#options.startOf(one);
      if (start === undefined) continue;
      const slot = new Slot({
        start: () => {
          start = this.#options.startOf(one) ?? start;
          return start as StartMessage;
        },
        recycle: () => this.#options.recycleOf(one.queue),
        generation: () => this.#options.generationOf(one.queue),
        onAbandoned: (token) => this.#options.onAbandoned(token),
        onIdle: () => {
          if (this.#missed.delete(one.queue)) slot.wake();
        },
        onOccurrence: (occurrence) => {
          this.#options.onOccurrence(occurrence);
          if (occurrence.kind === 'batch-finished' && occurrence.events >= MANY_EVENTS)
            this.wakeAll(one.queue);
          // Other lanes may have events of the same tick.
          if (occurrence.kind === 'batch-opened' && occurrence.lane !== undefined)
            this.#idle(one.queue)[0]?.wake();
        },
      });
      this.#slots.set(one.slot, slot);
      void slot.ended.then(() => this.#slots.delete(one.slot));
    }
  }

  /** Stops a slot's worker. Resolves when none is left; at once where there is none. */
  async empty(slot: string, options: StopOptions): Promise<void> {
    await this.#slots.get(slot)?.stop(options);
  }

  /** Wakes one worker for one tick: an idle one, else the next that becomes idle. */
  wake(queue: Queue['name']): void {
    const [idle] = this.#idle(queue);
    if (idle === undefined) this.#missed.add(queue);
    else idle.wake();
  }

  wakeAll(queue: Queue['name']): void {
    for (const slot of this.#idle(queue)) slot.wake();
  }

  #idle(queue: string): Slot[] {
    return this.all.filter((slot) => slot.queue === queue && slot.isIdle);
  }
}
