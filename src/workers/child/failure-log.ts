// What is said of events that the handler failed on.
import type { Logger } from 'pino';
import { describeThrown } from '../../errors/thrown.ts';
import type { BatchEvent } from '../../handler/event.ts';

export type OnFailure = (event: BatchEvent, fate: 'put-off' | 'dead', error: unknown) => void;

export const KILLED =
  'Several worker processes died while they handled this event alone: by an exit or a crash, out of memory, or in an endless loop.';

/** Of an event that failed and cannot be put off. */
export const unwritable = (error: unknown): string =>
  `The event failed and cannot be put off: ${describeThrown(error, 'Central').message}`;

/** Says it with the error, or with what can be said of it: a log looks at all its parts, and they may be anything. */
export function sayWith(error: unknown, say: (err: unknown) => void): void {
  try {
    say(error);
  } catch {
    say(describeThrown(error, 'The handler'));
  }
}

/** Says of each such event what becomes of it. */
export function failureLog(log: Logger): OnFailure {
  return (event, fate, error) => {
    const about = { event: event.id, origin: String(event.origin), attempt: event.retry + 1 };
    const say = (err: unknown) => {
      if (fate === 'dead') log.error({ ...about, err }, 'the event failed for the last time and is dead now');
      else log.warn({ ...about, err }, 'the event failed and is put off');
    };
    sayWith(error, say);
  };
}
