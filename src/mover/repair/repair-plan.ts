// Plans the ways on for a halted source, from what central and the shard know. Pure.
import { type Fingerprint, sameTick } from '../../central/position.ts';
import type { Tick } from '../../shards/ticks.ts';

export type Choice = 'rewind' | 'skip' | 'take-over';

/** From where to where a choice would move. */
export interface Way {
  readonly choice: Choice;
  /** Undefined: nothing is moved, the source goes on behind `end`. */
  readonly start: Tick | undefined;
  readonly end: Tick;
  /** Events that central holds already are left out. */
  readonly leavesOutHeld: boolean;
  /** Why it cannot be done. */
  readonly hindrance?: string;
}

/**
 * - rewind: back to the newest tick that both know, and from there all that central does not hold;
 * - skip: on from the shard's newest tick, nothing of what is there;
 * - take-over: all that the shard has, whatever central holds.
 * @param ticks those of the shard: its oldest, its newest and those of the history that it still has.
 */
export function planRepair(history: readonly Fingerprint[], ticks: readonly Tick[]): Way[] {
  const oldest = ticks[0];
  const newest = ticks.at(-1);
  if (oldest === undefined || newest === undefined) return [];
  const common = history
    .map((known) => ticks.find((tick) => sameTick(tick, known)))
    .find((tick) => tick !== undefined);
  return [
    {
      choice: 'rewind',
      start: common ?? oldest,
      end: newest,
      leavesOutHeld: true,
      ...(common === undefined
        ? {
            hindrance:
              'the shard knows none of the ticks that central has a record of, so there is no point that both agree on',
          }
        : {}),
    },
    { choice: 'skip', start: undefined, end: newest, leavesOutHeld: false },
    { choice: 'take-over', start: oldest, end: newest, leavesOutHeld: false },
  ];
}
