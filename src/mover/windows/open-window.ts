// A window of which not all is handed on yet: what of it is collected, and where its parts end.
import type { DeadRow } from '../../central/commit/commit.ts';
import type { Fingerprint, Position } from '../../central/position.ts';
import type { Reader } from '../../shards/copy-out.ts';
import type { Source } from '../source/source.ts';
import { type DividedWindow, UNDIVIDED } from './divided-window.ts';
import type { Found } from './found.ts';

export interface OpenWindow {
  readonly source: Source;
  readonly reader: Reader;
  /** Each goes with the parcel that moves the position over it. */
  dead: readonly DeadRow[];
  /** What the next parcel follows. */
  from: Position;
  chunks: Buffer[];
  bytes: number;
  rows: number;
  lastEventId: number | undefined;
  /** Of the parts that are handed on already. */
  cut: DividedWindow;
}

export const openWindow = ({ source, reader, dead = [] }: Found): OpenWindow => ({
  dead,
  source,
  reader,
  from: source.handed,
  chunks: [],
  bytes: 0,
  rows: 0,
  lastEventId: undefined,
  cut: UNDIVIDED,
});

/** Where a part of the window leads to that ends with this event. */
export function insideAt({ reader: { window } }: OpenWindow, lastEventId: number): Position {
  return { tick: fingerprintOf(window.start), inside: { end: fingerprintOf(window.end), lastEventId } };
}

/** Where the whole window leads to. */
export function endOf({ reader: { window } }: OpenWindow): Position {
  return { tick: fingerprintOf(window.end) };
}

/** With an earlier parcel they would be found, and kept, a second time after a crash; with a later one they would be lost. */
export function takeDead(window: OpenWindow, { inside }: Position): readonly DeadRow[] {
  const { dead } = window;
  const isDue = ({ id }: DeadRow) => inside === undefined || id === undefined || id <= inside.lastEventId;
  window.dead = dead.filter((one) => !isDue(one));
  return dead.filter(isDue);
}

const fingerprintOf = ({ id, timeUs, eventSeq, md5 }: Fingerprint): Fingerprint => ({
  id,
  timeUs,
  eventSeq,
  md5,
});
