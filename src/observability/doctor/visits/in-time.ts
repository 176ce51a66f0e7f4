// Answers that are waited for no longer than until a moment that holds for a whole look.
import { TributaryError } from '../../../errors/tributary-error.ts';
import { TIMING } from '../../../lifecycle/timing.ts';

/** What `work` gives, or `otherwise` where that is not there at `endMs` of the monotonic clock. */
export async function inTime<T>(work: () => Promise<T>, otherwise: () => T, endMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, endMs - performance.now(), undefined);
  });
  try {
    const done = await Promise.race([work().then((result) => ({ result })), late]);
    return done === undefined ? otherwise() : done.result;
  } finally {
    clearTimeout(timer);
  }
}

export const notInTime = (whose: string): TributaryError =>
  new TributaryError(
    `${whose} did not answer within ${TIMING.doctor.wholeMs / 1_000} s: see whether its server hangs or is overloaded.`,
    { code: 'timeout', kind: 'retryable' },
  );
