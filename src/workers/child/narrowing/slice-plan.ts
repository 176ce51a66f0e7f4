// How a batch that cannot be handled as a whole is cut into slices, each a transaction of its own. Pure.
import { sliceEnd } from '../reading/same-id.ts';

/** Events of a slice when nothing is known yet. */
const WIDEST = 64;
/** A slice that killed its worker is cut into this many: a commit for each costs less than one more dead worker. */
const NARROWING = 64;
/** After this many workers certainly died of one event alone, it is dead. */
const DEATHS_ALONE = 2;
/** The same where some of them may have been killed by chance: out of memory, the kernel chooses a process. */
const DEATHS_AND_KILLS_ALONE = 5;

export interface SuspectSlice {
  /** Event ids. */
  readonly first: number;
  readonly last: number;
  readonly events: number;
  /** How many workers certainly died of exactly this slice. */
  readonly deaths: number;
  /** How many workers perhaps did. */
  readonly kills: number;
}

/** The id of the event that certainly kills workers; undefined: not found yet. */
export function fatalEvent(suspect: SuspectSlice | undefined): number | undefined {
  if (suspect === undefined || suspect.events !== 1) return undefined;
  const { deaths, first, kills } = suspect;
  return deaths >= DEATHS_ALONE || deaths + kills >= DEATHS_AND_KILLS_ALONE ? first : undefined;
}

export interface Slice {
  readonly end: number;
  /** Marked before it is run, so that it is known if it kills its worker. */
  readonly isMarked: boolean;
}

export interface SlicePlanOptions {
  /** The events that killed a worker, or that were at work when the connection was lost. */
  readonly suspect: SuspectSlice | undefined;
  /** Calls are recorded (call-record.ts): events outside the suspect slice can be handled at once. */
  readonly isRecorded: boolean;
}

/** The slices of one batch, one after the other: narrow around the suspect, wider once it is behind. */
export class SlicePlan {
  readonly #suspect: SuspectSlice | undefined;
  readonly #isRecorded: boolean;
  #width: number;

  constructor({ suspect, isRecorded }: SlicePlanOptions) {
    this.#suspect = suspect;
    this.#isRecorded = isRecorded;
    this.#width = suspect === undefined ? WIDEST : Math.max(1, Math.floor(suspect.events / NARROWING));
  }

  /** The slice that begins at `from`, of events that were read, where no event is looked for. */
  plain(ids: readonly number[], from: number): Slice {
    return { end: sliceEnd(ids, from, this.#width), isMarked: false };
  }

  /** The slice that begins at `from`, while the event that kills its workers is looked for. */
  narrowing(ids: readonly number[], from: number): Slice {
    const suspect = this.#suspect;
    const end = sliceEnd(ids, from, this.#width);
    if (suspect === undefined || !this.#isRecorded) return { end, isMarked: true };
    const id = ids[from] as number;
    if (id < suspect.first) return { end: firstFrom(ids, suspect.first), isMarked: false };
    if (id > suspect.last) return { end: ids.length, isMarked: false };
    return { end: Math.min(end, firstFrom(ids, suspect.last + 1)), isMarked: true };
  }

  /** A slice went well and ended with this event: wider only behind the suspect slice. */
  passed(lastId: number): void {
    if (this.#suspect !== undefined && lastId < this.#suspect.last) return;
    this.#width = Math.min(WIDEST, this.#width * 2);
  }
}

function firstFrom(ids: readonly number[], id: number): number {
  const at = ids.findIndex((other) => other >= id);
  return at < 0 ? ids.length : at;
}
