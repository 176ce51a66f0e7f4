// The rows of parcels by central queue: those of most sources go to one, those of sources with routes to several. Pure.
import type { QueueRows, SpreadRows } from '../../central/commit/queue-rows.ts';
import { isDelayingReading } from '../../shards/window.ts';
import type { Parcel } from '../parcel.ts';
import { type RowCopy, RowStream } from '../row-stream.ts';

/** How much of a commit went to one central queue. */
export interface Spread {
  readonly queue: string;
  readonly rows: number;
  readonly bytes: number;
}

/** @param queue where those go that say nothing else. */
export function spreadRows(queue: string, parcels: readonly Parcel[]): SpreadRows {
  const [first] = parcels;
  if (first?.chunks instanceof RowStream)
    return streamed({
      ...(first.streamedTo ?? { queue, isDelaying: isDelaying(first) }),
      stream: first.chunks,
    });
  if (!parcels.some(({ routed }) => routed !== undefined))
    return {
      queue,
      isDelaying: first !== undefined && isDelaying(first),
      chunks: parcels.flatMap(heldChunks),
    };
  const parts = new Map<string, QueueRows & { readonly chunks: Buffer[] }>();
  for (const { routed = [] } of parcels) {
    for (const one of routed) {
      // A file that was read again may have changed that meanwhile.
      const key = `${one.isDelaying} ${one.queue}`;
      const known = parts.get(key);
      if (known === undefined) parts.set(key, { ...one, chunks: [...one.chunks] });
      else known.chunks.push(...one.chunks);
    }
  }
  const [main = { queue, chunks: [] }, ...beside] = parts.values();
  return { ...main, beside };
}

const streamed = ({ queue, isDelaying: isWaiting, stream }: RowCopy): QueueRows => ({
  ...{ queue, isDelaying: isWaiting, chunks: stream },
  following: () => (stream.copy === undefined ? undefined : streamed(stream.copy)),
});

/** Undefined where all went to one queue, that of the gatherer. */
export function spreadOf(parcels: readonly Parcel[]): readonly Spread[] | undefined {
  const all = new Map<string, Spread>();
  const add = (queue: string, rows: number, bytes: number) => {
    const known = all.get(queue);
    all.set(queue, { queue, rows: (known?.rows ?? 0) + rows, bytes: (known?.bytes ?? 0) + bytes });
  };
  for (const { chunks: stream, routed = [], streamedTo } of parcels) {
    if (streamedTo !== undefined) add(streamedTo.queue, 1, 0);
    for (let copy = stream instanceof RowStream ? stream.copy : undefined; copy; copy = copy.stream.copy)
      add(copy.queue, 1, 0);
    for (const { queue, chunks, rows: own } of routed)
      add(
        queue,
        own,
        chunks.reduce((bytes, { length }) => bytes + length, 0),
      );
  }
  return all.size === 0 ? undefined : [...all.values()];
}

const isDelaying = ({ source }: Parcel): boolean => isDelayingReading(source.reading);

const heldChunks = ({ chunks }: Parcel): readonly Buffer[] => (chunks instanceof RowStream ? [] : chunks);
