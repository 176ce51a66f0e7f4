// A retry of dead events that goes on for a while, as central has it and the page shows it. Types only.

/** Dead events that are handed out again, one after the other. */
export interface DeadRun {
  /** Null: they are of several. So are kind and error. */
  readonly queue: string | null;
  readonly kind: string | null;
  readonly error: string | null;
  /** Which ones, in words; null: those of that queue, kind and error. */
  readonly what: string | null;
  /** Whose process does it. */
  readonly host: string;
  /** Who began it; null: not known. */
  readonly who: string | null;
  readonly done: number;
  readonly events: number;
  /** Null: as fast as it goes. */
  readonly perSecond: number | null;
}

/** One that is under way. */
export interface SeenDeadRun extends DeadRun {
  readonly id: string;
}
