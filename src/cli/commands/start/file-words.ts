// What a supervisor and its forked mover say to each other of the file: that it is to be read again.
import { z } from 'zod';
import type { ReadBy } from '../../../fleet/occurrence.ts';

/** From the supervisor: a signal came, and would end a mover that has not begun to listen for it. */
const readAgainWord = z.object({ type: z.literal('readAgain') });
/** From the mover: how often central says that all members were asked. */
const askedWord = z.object({ type: z.literal('asked'), number: z.number() });

export const readAgainMessage: z.infer<typeof readAgainWord> = { type: 'readAgain' };

/** Does nothing in a process that was not forked. */
export function sendAsked(number: number): void {
  const word: z.infer<typeof askedWord> = { type: 'asked', number };
  process.send?.(word, undefined, {}, () => {});
}

/** Undefined where the message is another one. */
export function askedIn(raw: unknown): number | undefined {
  const word = askedWord.safeParse(raw);
  return word.success ? word.data.number : undefined;
}

/** Calls `listener` when the supervisor says so. */
export function onReadAgain(listener: (by: ReadBy) => void): void {
  process.on('message', (raw) => {
    if (readAgainWord.safeParse(raw).success) listener('a signal');
  });
}
