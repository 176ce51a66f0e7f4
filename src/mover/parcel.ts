// A parcel: consecutive events of one source, complete in memory, and the position that they lead to.
import type { DeadRow } from '../central/commit/commit.ts';
import type { Position } from '../central/position.ts';
import type { RowStream } from './row-stream.ts';
import type { Source } from './source/source.ts';

/** What of a parcel goes to one of the central queues of its source. */
export interface RoutedChunks {
  readonly queue: string;
  readonly isDelaying: boolean;
  readonly chunks: readonly Buffer[];
  readonly rows: number;
}

export interface Parcel {
  readonly source: Source;
  /** What it follows: the very object that was the source's position, or the `to` of the parcel before it. */
  readonly from: Position;
  /** A stream is one large row, and goes alone. */
  readonly chunks: readonly Buffer[] | RowStream;
  /** Of a source with routes: its rows by central queue, instead of `chunks`. */
  readonly routed?: readonly RoutedChunks[] | undefined;
  /** Of a source with routes: which central queue gets the row that is streamed. */
  readonly streamedTo?: Pick<RoutedChunks, 'queue' | 'isDelaying'> | undefined;
  /** Events that no route took: the position moves over them, and they are counted. */
  readonly unrouted?: number;
  readonly bytes: number;
  readonly rows: number;
  readonly to: Position;
  /** Events that stay out, and are kept as dead events by the same commit. */
  readonly dead?: readonly DeadRow[];
  /** Only the first call counts: with nothing when committed, with the error when not. */
  settle(error?: unknown): void;
}

/** Makes a parcel whose end can be awaited; `settled` never rejects, it gives the error. */
export function makeParcel(content: Omit<Parcel, 'settle'>): { parcel: Parcel; settled: Promise<unknown> } {
  let settle: (error?: unknown) => void = () => {};
  const { source, rows } = content;
  const settled = new Promise<unknown>((resolve) => {
    let isSettled = false;
    settle = (error) => {
      if (isSettled) return;
      isSettled = true;
      source.settled({ rows, error });
      resolve(error);
    };
  });
  source.sent({ rows });
  return { parcel: { ...content, settle }, settled };
}
