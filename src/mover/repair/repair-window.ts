// The window of a repair, read piece by piece: it may be larger than memory. What central holds already is left out on the way.
import { instantIn, splitRows, TIME_END, textIn } from '../../central/copy-rows.ts';
import type { KnownEvents } from '../../central/history.ts';
import type { Connection } from '../../postgres/connection.ts';
import { endCopyOut, startCopyOut } from '../../shards/copy-out.ts';
import type { Reading, Window } from '../../shards/window.ts';
import { Cutter, type RowPiece } from '../windows/cutter.ts';

export interface RepairWindow {
  readonly window: Window;
  readonly reading: Reading;
  /** A row larger than this is handed on in parts. */
  readonly wholeBytes: number;
}

/** What central holds already. */
export type HeldEvents = Pick<KnownEvents, 'has' | 'size'>;

/** Rows, or a part of one that is counted with its first. */
export interface KeptRows {
  readonly bytes: Buffer;
  readonly rows: number;
}

/** How many events there are, and between which ids. */
export interface Survey {
  readonly rows: number;
  readonly from: number;
  readonly to: number;
}

export async function survey(shard: Connection, part: RepairWindow): Promise<Survey> {
  let [rows, from, to] = [0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for await (const piece of piecesOf(shard, part)) {
    rows += piece.rows;
    from = Math.min(from, piece.firstEventId);
    to = Math.max(to, piece.lastEventId);
  }
  return { rows, from, to };
}

/** What central does not hold. Both id and time must be the same: ids alone are given out again after a restore. */
export async function* rowsWithout(
  known: HeldEvents,
  shard: Connection,
  part: RepairWindow,
): AsyncGenerator<KeptRows> {
  const large = new LargeRow(known);
  for await (const piece of piecesOf(shard, part)) {
    if (known.size === 0) yield piece;
    else if (piece.part !== undefined) yield* large.push(piece);
    else yield* keptOf(piece, known, part.reading);
  }
}

async function* piecesOf(shard: Connection, { window, reading, wholeBytes }: RepairWindow) {
  const cutter = new Cutter({ oversizeBytes: wholeBytes });
  for await (const chunk of await startCopyOut(shard, [{ window, reading }]))
    yield* cutter.push(chunk as Buffer);
  await endCopyOut(shard);
}

function* keptOf(
  { bytes }: RowPiece,
  known: HeldEvents,
  { shard, queue, origin }: Reading,
): Generator<KeptRows> {
  const prefix = `${shard}:${queue}:`;
  const kept = splitRows([bytes]).filter((row) => {
    const text = textIn(row, `ev_${origin}`);
    return !(text?.startsWith(prefix) && known.has(Number(text.slice(prefix.length)), instantIn(row)));
  });
  if (kept.length > 0) yield { bytes: Buffer.concat(kept), rows: kept.length };
}

/** Its time comes a little after its beginning; until then the little there is waits. */
class LargeRow {
  readonly #known: HeldEvents;
  #head: Buffer | undefined;
  #isKnown = false;

  constructor(known: HeldEvents) {
    this.#known = known;
  }

  *push({ bytes, part, firstEventId }: RowPiece): Generator<KeptRows> {
    if (part === 'first') this.#head = Buffer.alloc(0);
    if (this.#head === undefined) {
      if (!this.#isKnown) yield { bytes, rows: 0 };
      return;
    }
    this.#head = Buffer.concat([this.#head, bytes]);
    if (this.#head.length < TIME_END) return;
    this.#isKnown = this.#known.has(firstEventId, instantIn(this.#head));
    if (!this.#isKnown) yield { bytes: this.#head, rows: 1 };
    this.#head = undefined;
  }
}
