// Retries and discards dead events, with a note of what was meant: of a retry before it begins, of a discard with its first events.
import type { CentralLink } from '../central-link.ts';
import { type DeadFilter, discardDead } from '../dead.ts';
import { type DeadRetryOptions, type RetryResult, retryDead } from '../dead-retry.ts';
import { noted, type Operator } from './note.ts';

type Central = Pick<CentralLink, 'use' | 'query'>;

/** Which events, also in words: `12 dead events of orders (handler)`. */
export interface MeantDead {
  readonly filter: DeadFilter & { readonly upTo: number };
  readonly queues: readonly string[];
  readonly words: string;
  readonly operator: Operator;
}

const DISCARDED_AT_ONCE = 1_000;

export async function retryNoted(
  link: Central,
  { filter, queues, words, operator }: MeantDead,
  options: DeadRetryOptions,
): Promise<RetryResult> {
  const pace = options.perSecond === undefined ? '' : `, ${options.perSecond} a second`;
  await noted(link, operator, async () => ({
    result: undefined,
    note: { kind: 'dead-retry', queues, what: `began to retry ${words}${pace}.` },
  }));
  return await retryDead(link, filter, options);
}

/** @returns how many were discarded. */
export async function discardNoted(
  link: Central,
  { filter, queues, words, operator }: MeantDead,
  signal: AbortSignal,
): Promise<number> {
  let discarded = await noted(link, operator, async (central) => {
    const result = await discardDead(central, filter, DISCARDED_AT_ONCE);
    return {
      result,
      note: result === 0 ? undefined : { kind: 'dead-discard', queues, what: `discarded ${words}.` },
    };
  });
  for (let last = discarded; last !== 0 && !signal.aborted; discarded += last)
    last = await discardDead(link, filter, DISCARDED_AT_ONCE);
  return discarded;
}
