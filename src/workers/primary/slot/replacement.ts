// Replaces the process of a slot: at most one successor at a time, and after one that failed none for a while, unless new
// code was announced again since that one began.
import { TIMING } from '../../../lifecycle/timing.ts';
import type { FatalCall, StartMessage } from '../../protocol.ts';
import { Successor } from './successor.ts';
import type { ProcessListener, WorkerProcess } from './worker-process.ts';

export interface ReplacementOptions {
  /** The first message to a process that begins now. */
  start(): StartMessage;
  /** The old process may end now. */
  onReady(): void;
  /** The old process goes on; called once for each reason. */
  onKept(sentence: string): void;
}

/** The last successor could not take over. */
export interface FailedTakeover {
  readonly sentence: string;
  /** The generation of that successor. */
  readonly generation: number;
}

export class Replacement {
  readonly #options: ReplacementOptions;
  #successor:
    | {
        readonly process: Successor;
        readonly start: StartMessage;
        readonly generation: number;
        readonly begunMs: number;
      }
    | undefined;
  #kept: (FailedTakeover & { readonly begunMs: number; readonly untilMs: number }) | undefined;

  constructor(options: ReplacementOptions) {
    this.#options = options;
  }

  /** @param wantedMs since when new code is wanted. */
  isPossible(wantedMs: number): boolean {
    if (this.#successor !== undefined) return false;
    return (
      this.#kept === undefined || this.#kept.begunMs < wantedMs || performance.now() >= this.#kept.untilMs
    );
  }

  /** For how long a successor has been loading or waiting; undefined: there is none. */
  get ageMs(): number | undefined {
    return this.#successor?.process.ageMs;
  }

  get kept(): FailedTakeover | undefined {
    return this.#kept;
  }

  begin(generation: number): void {
    const { onReady } = this.#options;
    const start = this.#options.start();
    const process = new Successor({
      start,
      onReady,
      onFailed: (sentence) => {
        if (this.#successor?.process === process) this.#keep(sentence);
      },
    });
    this.#successor = { process, start, generation, begunMs: performance.now() };
  }

  /** @returns the process that works in the slot from now on, where there is one. @param suspect the call that the old one died in. */
  take(
    listener: ProcessListener,
    suspect: FatalCall | undefined,
  ): { process: WorkerProcess; start: StartMessage; generation: number } | undefined {
    const successor = this.#successor;
    this.#successor = undefined;
    if (successor === undefined) return undefined;
    this.#kept = undefined;
    const { process, start, generation } = successor;
    return { process: process.take(listener, suspect), start, generation };
  }

  /** Kills a successor that ought to have come up by now. */
  check(): void {
    if (this.#successor?.process.isOverdue(TIMING.slots.successorLoadMs)) this.#successor.process.kill();
  }

  cancel(): void {
    this.#successor?.process.kill();
    this.#successor = undefined;
  }

  #keep(sentence: string): void {
    const { generation = 0, begunMs = 0 } = this.#successor ?? {};
    this.#successor = undefined;
    if (this.#kept?.sentence !== sentence) this.#options.onKept(sentence);
    this.#kept = {
      sentence,
      generation,
      begunMs,
      untilMs: performance.now() + TIMING.slots.replacementRestMs,
    };
  }
}
