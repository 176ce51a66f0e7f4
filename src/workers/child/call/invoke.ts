// Calls the handler and waits for it, within its time limit.
import { TributaryError } from '../../../errors/tributary-error.ts';
import type { Handler } from '../../../handler/contract.ts';
import type { BatchEvent } from '../../../handler/event.ts';
import type { Soon } from '../../../lifecycle/soon.ts';
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

export type CallFailure = { readonly error: unknown } | undefined;

/** One event to an `event` handler, or several to a `batch` handler. @returns what it threw, if it did. */
export function invoke(
  events: readonly BatchEvent[],
  context: CallContext,
  options: InvokeOptions,
): Soon<CallFailure> {
  let interrupt = (_error: unknown) => {};
  const call = new WatchedCall((error, kind) => {
    options.onOverrun();
    // A call that threw in a callback will not return.
    if (kind === 'exception') interrupt(error);
  });
  for (const event of events) event.beforeCall();
  const begunMs = performance.now();
  const ended = (failure: CallFailure): Soon<CallFailure> => {
    call.end();
    options.tally.called(performance.now() - begunMs);
    const turn = options.signs.afterCall();
    return turn === undefined ? (failure ?? call.failure) : turn.then(() => failure ?? call.failure);
  };
  let answer: unknown;
  try {
    answer = call.run(() => start(events, context, options.handler));
  } catch (error) {
    return ended({ error });
  }
  if (!(answer instanceof Promise)) {
    context.answer = answer;
    return ended(undefined);
  }
  const onWaiting = (stop: (error: unknown) => void) => {
    interrupt = stop;
  };
  return inTime(answer, context, options, { onWaiting, ended });
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

interface Watch {
  /** Called with what ends the wait: the signal at once, the rest after the grace. */
  onWaiting(stop: (error: unknown) => void): void;
  /** Called when the wait is over, for what the promise is fulfilled with. */
  ended(failure: CallFailure): Soon<CallFailure>;
}

function inTime(
  answer: Promise<unknown>,
  context: CallContext,
  { timeoutMs, onOverrun }: InvokeOptions,
  { onWaiting, ended }: Watch,
): Promise<CallFailure> {
  return new Promise((resolve) => {
    let isOver = false;
    const settled = (failure: CallFailure) => {
      // It may also come back after the grace.
      if (isOver) return;
      isOver = true;
      onWaiting(() => {});
      clearTimeout(timer);
      resolve(ended(failure));
    };
    const stop = (error: unknown) => {
      clearTimeout(timer);
      context.abort(error);
      timer = setTimeout(() => {
        context.hasOverrun = true;
        onOverrun();
        settled({ error });
      }, TIMING.handler.graceMs);
    };
    let timer = setTimeout(() => stop(tookLonger(timeoutMs)), timeoutMs);
    onWaiting(stop);
    try {
      answer.then(
        (value) => {
          context.answer = value;
          settled(undefined);
        },
        (error: unknown) => settled({ error }),
      );
    } catch (error) {
      settled({ error });
    }
  });
}

const tookLonger = (timeoutMs: number) =>
  new TributaryError(`The handler took longer than ${timeoutMs} ms.`, {
    code: 'handler-timeout',
    kind: 'halting',
    remedy: 'Raise `timeout:` of the queue, or give `context.signal` to what it waits for.',
  });
