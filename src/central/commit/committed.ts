// What a commit that inserted events leaves behind for the ticker.

/** A transaction that inserted events. */
export interface Committed {
  /** A tick has to cover it. */
  readonly xid: number;
  /** A tick covers it already. */
  readonly isCovered: boolean;
}
