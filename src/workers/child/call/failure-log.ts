// Logs events that the handler failed on.
import type { Logger } from 'pino';
import { describeThrown, type Thrown } from '../../../errors/thrown.ts';
import { counted } from '../../../errors/words.ts';
import type { BatchEvent } from '../../../handler/event.ts';
import type { Folding } from '../../../lifecycle/folding.ts';

export type OnFailure = (event: BatchEvent, fate: 'put-off' | 'dead', error: unknown) => void;

export const KILLED =
  'Several worker processes died while they handled this event alone: by an exit or a crash, out of memory, or in an endless loop.';

/** The reason of death of an event that failed and cannot be put off. */
export const unwritable = (error: unknown): string =>
  `The event failed and cannot be put off: ${describeThrown(error, 'Central').message}`;

/** Logs with the error, or with a description of it: the logger reads all its properties, and they may be anything. */
export function sayWith(error: unknown, say: (err: unknown) => void): void {
  try {
    say(error);
  } catch {
    say(describeThrown(error, 'The handler'));
  }
}

/** Logs what becomes of each event that failed; of many that fail alike only the first ones, and how many more there are. */
export function failureLog(log: Logger, folding: Folding): OnFailure {
  return (event, fate, error) => {
    const thrown = describeThrown(error, 'The handler');
    const what =
      fate === 'dead'
        ? 'the event failed for the last time and is dead now'
        : 'the event failed and is put off';
    const write = (record: object, text: string) =>
      fate === 'dead' ? log.error(record, text) : log.warn(record, text);
    const about = { event: event.id, origin: String(event.origin), attempt: event.retry + 1 };
    folding.say(`${fate} ${thrown.message}`, {
      full: () => write({ ...about, err: brief(thrown) }, what),
      more: (more) =>
        write({ more, reason: thrown.message }, `and ${counted(more, 'event')} more like this: ${what}`),
    });
  };
}

/** The error without its fields: a driver's errors have many, and they may hold anything. */
function brief({ message, sqlstate, stack }: Thrown): Error {
  const error = new Error(message);
  if (sqlstate !== undefined) Object.assign(error, { code: sqlstate });
  error.stack = stack === undefined ? message : shortStack(stack);
  return error;
}

/** Lines of code that are the user's own. */
const MOST_LINES = 8;
const OURS = /[\\/]dist[\\/]run[\\/]|\(?node:/;

/** Without the frames of this program and of Node.js, unless there are no others. */
function shortStack(stack: string): string {
  const lines = stack.split('\n');
  const isFrame = (line: string) => /^\s+at /.test(line);
  const head = lines.filter((line) => !isFrame(line));
  const frames = lines.filter(isFrame);
  const own = frames.filter((line) => !OURS.test(line));
  return [...head, ...(own.length === 0 ? frames.slice(0, 1) : own.slice(0, MOST_LINES))].join('\n');
}
