// What is known before anything is judged: of a source by central, of its position by its shard, of a central queue.
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
  readonly state: 'registering' | 'active' | 'halted';
  readonly haltReason: string | undefined;
  readonly haltedAgeSeconds?: number | undefined;
  readonly paused: { readonly reason: string | undefined; readonly ageSeconds: number } | undefined;
  readonly position: LagPosition | undefined;
  readonly moved: number;
  /** What a mover said last. */
  readonly report:
    | {
        readonly ageSeconds: number;
        /** Since movers say this state; undefined: not known. */
        readonly stateAgeSeconds?: number | undefined;
        readonly state: LagState;
        readonly reason: string | undefined;
        readonly mover: string | undefined;
      }
    | undefined;
  /** What a mover saw last. */
  readonly figures: LagFigures | undefined;
  readonly lastTick: number | undefined;
  readonly provider: string | undefined;
  /** Host of the mover that holds the shard's lease. */
  readonly holder: string | undefined;
  /** Since a mover let go of the shard; undefined: it did not, or another one has it. */
  readonly freedAgeSeconds: number | undefined;
}

export interface LagFigures {
  readonly ageSeconds: number;
  /** Undefined: nobody can tell. */
  readonly eventsBehind: number | undefined;
  readonly isExact: boolean;
  readonly secondsBehind: number | undefined;
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
  /** Neither it nor its queue could be asked. */
  | { readonly kind: 'failed'; readonly reason: string };

/** Of the last events that workers tried, all hosts together. */
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

export interface CentralQueueFacts {
  /** That nobody does what central needs, in a sentence. */
  readonly upkeepTrouble: string | undefined;
  readonly queue: string;
  readonly isThere: boolean;
  readonly hasGroup: boolean;
  /** Undefined: no pool was ever stored. */
  readonly wanted: number | undefined;
  readonly running: number;
  /** Where slots are held and no worker can run in them, and why: `on HOST: SENTENCE`. */
  readonly parked: string | undefined;
  /** What keeps workers that run from getting on: `on HOST: SENTENCE`. */
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
  /** Transaction ids that its newest tick knows and the server has not given out: what is inserted now is never handed out. */
  readonly missingXids: number;
  readonly retrying: number;
  readonly dead: number;
}
