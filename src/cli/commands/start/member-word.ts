// The one thing that a forked mover tells its supervisor: as whom it holds leases.
import { z } from 'zod';

export const memberWord = z.object({ type: z.literal('member'), id: z.uuid() });

/** Says nothing where nobody forked us. */
export function tellMember(id: string): void {
  const word: z.infer<typeof memberWord> = { type: 'member', id };
  process.send?.(word, undefined, {}, () => {});
}
