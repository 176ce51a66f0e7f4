// Durations of delayed events, schedules and spools, a part of the table in table.ts.

export const DELAY_DURATIONS = {
  /** How often central is asked whether a delayed event is due; it comes at most this much later than its time … */
  everyMs: 250,
  /** … or this much, where none was due for as long as `calmAfterMs`. */
  calmMs: 700,
  calmAfterMs: 10_000,
  /** Between tries while another one has the turn. */
  turnMs: 25,
  /** A queue that took no delayed events for an error is tried again after this. */
  troubleMs: 5_000,
  /** What was left out for its key is kept at least this long, for `trace`. */
  leftOutKeptMs: 7_200_000,
  /** Full tables of delayed events are looked for this often. */
  tidyEveryMs: 10_000,
} as const;

export const SCHEDULE_DURATIONS = {
  /** Central's clock is asked this often, and when the next time is due. */
  lookEveryMs: 1_000,
  /** A time that was due longer ago than this counts as missed: nothing was there to see to it. */
  onTimeMs: 60_000,
  /** The least between two looks. */
  apartMs: 20,
} as const;

export const SPOOL_DURATIONS = {
  /** A spooler looks this often for what was appended. */
  lookMs: 100,
  /** Between tries while the shard cannot be reached, or takes no events. */
  trouble: { firstMs: 200, maxMs: 5_000 },
  /** The segment of a writer that appended nothing for so long is closed for it. */
  retireMs: 60_000,
  /** What was delivered of a writer whose files are gone is remembered for so long: not as long as the shard does, 30 days. */
  rememberedMs: 20 * 86_400_000,
} as const;
