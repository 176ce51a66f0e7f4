// The one message of a forked mover to its supervisor: the member id under which it holds leases.
import { z } from 'zod';

export const memberWord = z.object({ type: z.literal('member'), id: z.uuid() });

/** Does nothing in a process that was not forked. */
export function sendMember(id: string): void {
  const word: z.infer<typeof memberWord> = { type: 'member', id };
  process.send?.(word, undefined, {}, () => {});
}
