// A few events again and again, while a test does something else.
import { setTimeout as pause } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import type { WorkerCentral } from '../workers/worker-central.ts';

export interface SteadyLoad {
  /** Ends the load. @returns the number of events. */
  stop(): Promise<number>;
}

/** Five events every 20 ms into `queue`, until stopped or the test is over. */
export function givenLoad(central: WorkerCentral, queue: string): SteadyLoad {
  const stopped = new AbortController();
  let made = 0;
  const ended = (async () => {
    while (!stopped.signal.aborted) {
      await central.produce(queue, 5, { from: made + 1 });
      made += 5;
      await pause(20);
    }
  })();
  const stop = async () => {
    stopped.abort();
    await ended;
    return made;
  };
  onTestFinished(async () => {
    await stop();
  });
  return { stop };
}
