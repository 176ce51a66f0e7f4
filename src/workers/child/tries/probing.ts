// Waits, while the handler fails for everything that it is given, until a few events may be tried.
import { TIMING } from '../../../lifecycle/timing.ts';
import { wait } from '../../../lifecycle/wait.ts';
import { HandedBack } from '../rate-limit.ts';
import type { Breaker } from './breaker.ts';

export interface ProbingOptions {
  /** Ends every wait. */
  readonly signal: AbortSignal;
  /** Called before each wait: waiting is no stall. */
  onWaiting(): void | Promise<void>;
}

/** The breaker opened: the rest of the batch waits. Events up to `lastEventId` are committed. */
export class Tripped extends Error {
  override readonly name = 'Tripped';
  readonly lastEventId: number;

  constructor(lastEventId: number) {
    super('Nothing succeeds: the rest of the batch waits.');
    this.lastEventId = lastEventId;
  }
}

/** @returns how many events may be tried now. @throws HandedBack where the worker has to end. */
export async function untilProbe(breaker: Breaker, { signal, onWaiting }: ProbingOptions): Promise<number> {
  for (;;) {
    const ms = breaker.waitMs(performance.now());
    if (ms <= 0) return breaker.probe(performance.now());
    if (signal.aborted) throw handedBack();
    await onWaiting();
    await wait(Math.min(TIMING.worker.probeEveryMs, ms), signal);
  }
}

const handedBack = (): HandedBack =>
  new HandedBack('The worker has to end while nothing of its queue succeeds; the batch goes back.');
