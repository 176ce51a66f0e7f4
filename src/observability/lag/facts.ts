// The facts that `lag` judges by: of a source from central, of its position from its shard, of a central queue.

import type { Position } from '../../central/position.ts';
import type { LagState } from './report.ts';

/** As far as `lag` needs it: the end of a window that was begun is known by its id alone. */
export interface LagPosition {
  readonly tick: Position['tick'];
  readonly inside: { readonly endTickId: number; readonly lastEventId: number } | undefined;
}

/** A source as central knows it. */
export interface StoredLag {
  readonly id: number;
  readonly shard: string;
  readonly queue: string;
  readonly centralQueue: string;
  /** All that install has led it to; absent: that one. */
  readonly routes?: readonly string[] | undefined;
  /** Events that no route took; absent: none. */
  readonly unrouted?: number | undefined;
  readonly state: 'registering' | 'active' | 'halted';
  readonly haltReason: string | undefined;
  readonly haltCode?: string | undefined;
  readonly haltedAgeSeconds?: number | undefined;
  readonly paused:
    | {
        readonly reason: string | undefined;
        /** Who did; undefined: it was not noted. */
        readonly by?: string | undefined;
        readonly ageSeconds: number;
      }
    | undefined;
  readonly position: LagPosition | undefined;
  readonly moved: number;
  /** The last report of a mover. */
  readonly report:
    | {
        readonly ageSeconds: number;
        /** How long movers have reported this state; undefined: not known. */
        readonly stateAgeSeconds?: number | undefined;
        readonly state: LagState;
        readonly reason: string | undefined;
        readonly cause?: string | undefined;
        readonly mover: string | undefined;
      }
    | undefined;
  /** The last figures of a mover. */
  readonly figures: LagFigures | undefined;
  readonly lastTick: number | undefined;
  readonly provider: string | undefined;
  /** Host of the mover that holds the shard's lease. */
  readonly holder: string | undefined;
  /** How long ago a mover let go of the shard; undefined: it did not, or another mover holds it. */
  readonly freedAgeSeconds: number | undefined;
}

export interface LagFigures {
  readonly ageSeconds: number;
  /** Undefined: it cannot be known. */
  readonly eventsBehind: number | undefined;
  readonly isExact: boolean;
  readonly secondsBehind: number | undefined;
  /** The event that was the oldest then still is. */
  readonly isAgeing?: boolean;
}

/** What a shard said about one source. */
export type ShardAnswer =
  | (LagFigures & {
      readonly kind: 'behind';
      readonly lastTick: number | undefined;
      readonly provider: string | undefined;
    })
  /** The shard does not have the position's tick: nothing can be said, and nothing moved. */
  | {
      readonly kind: 'lost';
      readonly ageSeconds: number;
      readonly reason: string;
      readonly lastTick: number | undefined;
      readonly provider: string | undefined;
    }
  /** The shard, or its queue there, could not be asked. */
  | { readonly kind: 'failed'; readonly reason: string };

/** Figures of the last events that workers tried, all hosts together. */
export interface TriesFigures {
  readonly tried: number;
  readonly failed: number;
  /** Of the last that failed. */
  readonly error: string | undefined;
}

/** A batch that takes long. */
export interface BatchAtHand {
  readonly slot: string;
  /** Events that are done. */
  readonly done: number;
  /** About how many it has; undefined: not known yet. */
  readonly events: number | undefined;
  readonly seconds: number;
}

/** Keys of a queue's lanes that wait because an event failed. */
export interface PausedKeys {
  readonly keys: number;
  /** Events that wait, up to 10 000. */
  readonly events: number;
  /** Of the one that has been paused for longest: for how long, and its beginning. */
  readonly seconds: number;
  readonly oldest: string;
}

export interface CentralQueueFacts {
  /** A sentence where central's upkeep is not done. */
  readonly upkeepTrouble: string | undefined;
  /** A central queue, or a group of one: `orders/billing`. */
  readonly queue: string;
  readonly isThere: boolean;
  readonly hasGroup: boolean;
  /** Undefined: no pool was ever stored. */
  readonly wanted: number | undefined;
  readonly running: number;
  /** Where slots are held and no worker can run in them, and why: `on HOST: SENTENCE`. */
  readonly parked: string | undefined;
  /** What keeps running workers from making progress: `on HOST: SENTENCE`. */
  readonly troubled: string | undefined;
  readonly recent: TriesFigures;
  /** Events a second, over the last minute or so: those that came in, and those that workers have got through. Undefined: not known. */
  readonly inPerSecond: number | undefined;
  readonly outPerSecond: number | undefined;
  readonly batches: readonly BatchAtHand[];
  readonly eventsBehind: number | undefined;
  readonly isExact: boolean;
  readonly secondsBehind: number | undefined;
  /** Where the group stands. */
  readonly positionTick: number | undefined;
  readonly tickIsGone: boolean;
  /** How many transaction ids its newest tick is ahead of the server's: events inserted now would never be handed out. */
  readonly missingXids: number;
  readonly retrying: number;
  readonly dead: number;
  /** Absent: none. */
  readonly lanes?: number;
  /** How many there will be behind a mark; absent: as many. */
  readonly nextLanes?: number | undefined;
  /** Absent: no key of its lanes is paused. */
  readonly paused?: PausedKeys | undefined;
  /**
   * Events that wait for their time, when the next one is due, in ms since 1970, for how long it has been, and how many were left out
   * for their keys; undefined: none.
   */
  readonly delayed?:
    | {
        readonly events: number;
        readonly nextMs: number | undefined;
        readonly overdueSeconds: number;
        readonly leftOut: number;
      }
    | undefined;
}
