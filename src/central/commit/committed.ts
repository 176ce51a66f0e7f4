// What a commit that inserted events leaves behind for the ticker.

/** A transaction that inserted events. */
export interface Committed {
  /** A tick has to cover it. */
  readonly xid: number;
  /** Central queues that its events went to. */
  readonly queues: readonly string[];
  /** Ticks cover it already, in all of them. */
  readonly isCovered: boolean;
}
