// Calls the handler and waits for it, within its time limit.
import { TributaryError } from '../../../errors/tributary-error.ts';
import type { Handler } from '../../../handler/contract.ts';
import type { BatchEvent } from '../../../handler/event.ts';
import { TIMING } from '../../../lifecycle/timing.ts';
import type { LifeSigns } from '../life-signs.ts';
import type { Tally } from '../tally.ts';
import type { CallContext } from './call-context.ts';
import { WatchedCall } from './strays.ts';

export interface InvokeOptions {
  readonly handler: Handler;
  readonly timeoutMs: number;
  readonly signs: LifeSigns;
  readonly tally: Pick<Tally, 'called'>;
  /** The call did not return in time, or left an error uncaught, so something of the handler may still run in this process. */
  onOverrun(): void;
}

/** One event to an `event` handler, or several to a `batch` handler. @returns what it threw, if it did. */
export async function invoke(
  events: readonly BatchEvent[],
  context: CallContext,
  options: InvokeOptions,
): Promise<{ readonly error: unknown } | undefined> {
  let failure: { readonly error: unknown } | undefined;
  let interrupt = (_error: unknown) => {};
  const call = new WatchedCall((error, kind) => {
    options.onOverrun();
    // A call that threw in a callback will not return.
    if (kind === 'exception') interrupt(error);
  });
  for (const event of events) event.beforeCall();
  const begunMs = performance.now();
  try {
    const answer = call.run(() => start(events, context, options.handler));
    const onWaiting = (stop: (error: unknown) => void) => {
      interrupt = stop;
    };
    if (answer instanceof Promise) await inTime(answer, context, { ...options, onWaiting });
  } catch (error) {
    failure = { error };
  }
  call.end();
  options.tally.called(performance.now() - begunMs);
  const turn = options.signs.afterCall();
  if (turn !== undefined) await turn;
  return failure ?? call.failure;
}

function start(events: readonly BatchEvent[], context: CallContext, handler: Handler): unknown {
  const answer =
    handler.event === undefined
      ? // Its own array: what the handler does to it changes nothing here.
        handler.batch([...events], context)
      : handler.event(events[0] as BatchEvent, context);
  // Any object with `then` counts as a promise.
  return typeof (answer as { then?: unknown } | undefined)?.then === 'function'
    ? Promise.resolve(answer)
    : answer;
}

interface TimedOptions extends InvokeOptions {
  /** Called with what ends the wait: the signal at once, the rest after the grace. */
  onWaiting(stop: (error: unknown) => void): void;
}

async function inTime(
  answer: Promise<unknown>,
  context: CallContext,
  { timeoutMs, onOverrun, onWaiting }: TimedOptions,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const overrun = new Promise<never>((_resolve, reject) => {
    const stop = (error: unknown) => {
      clearTimeout(timer);
      context.abort(error);
      timer = setTimeout(() => {
        context.hasOverrun = true;
        onOverrun();
        reject(error);
      }, TIMING.handler.graceMs);
    };
    timer = setTimeout(() => stop(tookLonger(timeoutMs)), timeoutMs);
    onWaiting(stop);
  });
  try {
    await Promise.race([answer, overrun]);
  } finally {
    onWaiting(() => {});
    clearTimeout(timer);
    answer.catch(() => {});
  }
}

const tookLonger = (timeoutMs: number) =>
  new TributaryError(`The handler took longer than ${timeoutMs} ms.`, {
    code: 'handler-timeout',
    kind: 'halting',
    remedy: 'Raise `timeout:` of the queue, or give `context.signal` to what it waits for.',
  });
