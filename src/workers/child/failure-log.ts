// What is said of events that the handler failed on.
import type { Logger } from 'pino';
import type { BatchEvent } from '../../handler/event.ts';

export type OnFailure = (event: BatchEvent, fate: 'put-off' | 'dead', error: unknown) => void;

export const KILLED =
  'The worker died twice while it handled this event alone (exit, out of memory, or an endless loop).';

/** Says of each such event what becomes of it. */
export function failureLog(log: Logger): OnFailure {
  return (event, fate, error) => {
    const about = { event: event.id, origin: String(event.origin), attempt: event.retry + 1, err: error };
    if (fate === 'dead') log.error(about, 'the event failed for the last time and is dead now');
    else log.warn(about, 'the event failed and is put off');
  };
}
