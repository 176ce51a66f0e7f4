// A window of which not all is handed on yet: what of it is collected, and where its parts end.
import type { DeadRow } from '../../central/commit/commit.ts';
import type { Fingerprint, Position } from '../../central/position.ts';
import { TributaryError } from '../../errors/tributary-error.ts';
import type { Reader } from '../../shards/copy-out.ts';
import { isDelayingReading } from '../../shards/window.ts';
import type { RoutedChunks } from '../parcel.ts';
import type { Source } from '../source/source.ts';
import type { RowPiece } from './cutter.ts';
import { type DividedWindow, UNDIVIDED } from './divided-window.ts';
import type { Found } from './found.ts';
import type { RoutedRows } from './routed-rows.ts';

export interface OpenWindow {
  readonly source: Source;
  readonly reader: Reader;
  /** Each goes with the parcel that moves the position over it. */
  dead: readonly DeadRow[];
  /** What the next parcel follows. */
  from: Position;
  chunks: Buffer[];
  /** Of a source with routes, instead of `chunks`. */
  routed: RoutedRows[];
  unrouted: number;
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
  routed: [],
  unrouted: 0,
  bytes: 0,
  rows: 0,
  lastEventId: undefined,
  cut: UNDIVIDED,
});

/** Takes whole rows up. */
export function collect(
  window: OpenWindow,
  { bytes, rows, routed, unrouted = 0, lastEventId }: RowPiece,
): void {
  if (routed === undefined) window.chunks.push(bytes);
  else window.routed.push(...routed);
  window.unrouted += unrouted;
  window.bytes += bytes.length;
  window.rows += rows;
  window.lastEventId = lastEventId;
}

/** What a parcel takes with it; the window collects anew behind it. */
export function takeCollected(window: OpenWindow): Pick<
  OpenWindow,
  'chunks' | 'bytes' | 'rows' | 'unrouted'
> & {
  readonly routed: RoutedChunks[] | undefined;
} {
  const { chunks, bytes, rows, unrouted } = window;
  const routed = window.reader.reading.routing === undefined ? undefined : byQueue(window);
  window.chunks = [];
  window.routed = [];
  window.unrouted = window.bytes = window.rows = 0;
  return { chunks, bytes, rows, unrouted, routed };
}

/** The central queue of a route, by its number. */
export function destinationAt(
  { reader }: OpenWindow,
  to: number,
): Pick<RoutedChunks, 'queue' | 'isDelaying'> {
  const { reading } = reader;
  const route = reading.routing?.to[to - 1];
  if (route === undefined)
    throw new TributaryError(`Source ${reading.shard}:${reading.queue} has no route ${to}.`, {
      code: 'copy-format',
      kind: 'internal',
    });
  return { queue: route.central, isDelaying: isDelayingReading(reading) };
}

function byQueue(window: OpenWindow): RoutedChunks[] {
  const all = new Map<number, { chunks: Buffer[]; rows: number }>();
  for (const { to, bytes, rows } of window.routed) {
    const one = all.get(to) ?? { chunks: [], rows: 0 };
    one.chunks.push(bytes);
    one.rows += rows;
    all.set(to, one);
  }
  return [...all].map(([to, one]) => ({ ...destinationAt(window, to), ...one }));
}

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
