// What is wrong, in the words that every place shows: `doctor`, `/readyz` and the dashboard. Values only.

export interface Diagnosis {
  /** A stable name of the cause, such as `no-mover` or `long-transaction`. */
  readonly cause: string;
  readonly of: 'source' | 'queue' | 'shard' | 'host' | 'central';
  /** All that this one cause concerns: `shard:queue` of sources, else names. */
  readonly names: readonly string[];
  /** `broken`: something does not get on now. `risk`: it will, if nothing is done. */
  readonly severity: 'broken' | 'risk';
  readonly sentence: string;
  /** Figures and facts that show it, each in a few words. */
  readonly evidence: readonly string[];
  readonly remedy: string;
  /** To copy. */
  readonly command?: string;
}
