// A window on its way from a round to the gatherers: what was found, and what became of reading it.
import type { DeadRow } from '../../central/commit/commit.ts';
import type { Reader } from '../../shards/copy-out.ts';
import type { MovableSource } from '../source/source.ts';

/** A window that a round found, with its source. */
export interface Found {
  readonly source: MovableSource;
  readonly reader: Reader;
  /** Events of the window that are not read, and are kept as dead events by the commit that moves over them. */
  readonly dead?: readonly DeadRow[];
}

/** The result of reading some windows; windows that were complete before a failure are on their way to central all the same. */
export interface Copied {
  /** Handed to the gatherers. */
  readonly rows: number;
  /** The end of what was handed to the gatherers: undefined or the error of each parcel. */
  readonly settled: Promise<readonly unknown[]>;
  /** Why not all was read; undefined: all was. */
  readonly failure?: unknown;
}

export const NOTHING_COPIED: Copied = { rows: 0, settled: Promise.resolve([]) };
