// Waiting for a condition, the only way tests wait.

export interface UntilOptions {
  /** Completes "waited in vain for …". */
  readonly what: string;
  readonly timeoutMs?: number;
  /** Between two looks at first; default 20. */
  readonly everyMs?: number;
}

/** What takes long is looked at less often: looks would take from the processors what the work that is waited for needs. */
const MOST_OFTEN_OF_THE_WAIT = 0.05;
/** Up to this: what is there for a moment only is not overlooked. */
const LONGEST_PAUSE_MS = 100;

/** A look that asks much, as a whole command does, leaves this many times what it took to the work that is waited for … */
const LEFT_OF_A_LOOK = 4;
/** … but where the machine is busy it is not put off for longer than this by it. */
const LONGEST_LEFT_MS = 500;

/** One check may take this long, also where less time is left. A check that never ends fails as well. */
const ANSWER_MS = 15_000;

type Falsy = false | 0 | '' | null | undefined;

/** The first truthy value of `condition`. While it throws it counts as not true; its last error becomes the cause of the failure. */
export async function until<T>(
  condition: () => T | Promise<T>,
  { what, timeoutMs = 15_000, everyMs = 20 }: UntilOptions,
): Promise<Exclude<T, Falsy>> {
  const sinceMs = performance.now();
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const beganMs = performance.now();
    let cause: unknown;
    try {
      const value = await within(condition(), {
        what,
        timeoutMs: Math.max(ANSWER_MS, deadline - Date.now()),
      });
      if (value) return value as Exclude<T, Falsy>;
    } catch (error) {
      cause = error;
    }
    if (Date.now() >= deadline) {
      const because = cause instanceof Error ? `: ${cause.message}` : '.';
      throw new Error(`Waited ${timeoutMs} ms in vain for ${what}${because}`, { cause });
    }
    const nowMs = performance.now();
    const grownMs = Math.min((nowMs - sinceMs) * MOST_OFTEN_OF_THE_WAIT, LONGEST_PAUSE_MS);
    const leftMs = Math.min((nowMs - beganMs) * LEFT_OF_A_LOOK, LONGEST_LEFT_MS);
    const pauseMs = Math.max(everyMs, grownMs, nowMs - beganMs, leftMs);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** The result of `work`; fails where it takes longer, because something that should end does not. */
export async function within<T>(
  work: T | Promise<T>,
  { what, timeoutMs }: { readonly what: string; readonly timeoutMs: number },
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`No end of ${what} within ${timeoutMs} ms.`)), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
