// Calls the handler and waits for it, within its time.
import { TributaryError } from '../../errors/tributary-error.ts';
import type { Handler } from '../../handler/contract.ts';
import type { BatchEvent } from '../../handler/event.ts';
import type { CallContext } from './call-context.ts';
import type { LifeSigns } from './life-signs.ts';

export interface InvokeOptions {
  readonly handler: Handler;
  readonly timeoutMs: number;
  readonly signs: LifeSigns;
  /** The call did not come back in time, so something of the handler may still run in this process. */
  onOverrun(): void;
}

/** What a handler gets after the signal, to come back by itself. */
const GRACE_MS = 2_000;

/** One event to an `event` handler, or several to a `batch` handler. @returns what it threw, if it did. */
export async function invoke(
  events: readonly BatchEvent[],
  context: CallContext,
  options: InvokeOptions,
): Promise<{ readonly error: unknown } | undefined> {
  let failure: { readonly error: unknown } | undefined;
  try {
    const answer = start(events, context, options.handler);
    if (answer instanceof Promise) await inTime(answer, context, options);
  } catch (error) {
    failure = { error };
  }
  const breath = options.signs.afterCall();
  if (breath !== undefined) await breath;
  return failure;
}

function start(events: readonly BatchEvent[], context: CallContext, handler: Handler): unknown {
  const answer =
    handler.event === undefined
      ? // Its own array: what the handler does to it changes nothing here.
        handler.batch([...events], context)
      : handler.event(events[0] as BatchEvent, context);
  // Somebody else's kind of promise counts as well.
  return typeof (answer as { then?: unknown } | undefined)?.then === 'function'
    ? Promise.resolve(answer)
    : answer;
}

async function inTime(
  answer: Promise<unknown>,
  context: CallContext,
  { timeoutMs, onOverrun }: InvokeOptions,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const overrun = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const error = new TributaryError(`The handler took longer than ${timeoutMs} ms.`, {
        code: 'handler-timeout',
        kind: 'halting',
        remedy: 'Raise `timeout:` of the queue, or give `context.signal` to what it waits for.',
      });
      context.abort(error);
      timer = setTimeout(() => {
        context.hasOverrun = true;
        onOverrun();
        reject(error);
      }, GRACE_MS);
    }, timeoutMs);
  });
  try {
    await Promise.race([answer, overrun]);
  } finally {
    clearTimeout(timer);
    answer.catch(() => {});
  }
}
