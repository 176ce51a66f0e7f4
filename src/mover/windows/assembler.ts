// Puts the pieces of one COPY together into parcels: a whole window each, or a part of one that is more than `whole`.
//
// Invariant: a window is handed on as complete only when a row of a later window, or the stream's trailer, has been seen.
import type { Position } from '../../central/position.ts';
import { TributaryError } from '../../errors/tributary-error.ts';
import type { Claim, MemoryBudget } from '../limits/memory-budget.ts';
import { LEAST_EXPECTED_BYTES } from '../limits/sizes.ts';
import { makeParcel, type Parcel } from '../parcel.ts';
import { RowStream } from '../row-stream.ts';
import type { Source } from '../source/source.ts';
import type { RowPiece } from './cutter.ts';
import { type DividedWindow, withPart } from './divided-window.ts';
import type { Found } from './found.ts';
import {
  collect,
  destinationAt,
  endOf,
  insideAt,
  type OpenWindow,
  openWindow,
  takeCollected,
  takeDead,
} from './open-window.ts';

export interface AssemblerOptions {
  readonly budget: MemoryBudget;
  /** A window within both is never cut. */
  readonly wholeBytes: number;
  readonly wholeEvents: number;
  readonly emit: (parcel: Parcel) => void;
  readonly onCut: (source: Source, cut: DividedWindow) => void;
  readonly onOriginTaken: (source: Source, rows: number) => void;
}

const OUTDATED = { code: 'outdated', kind: 'retryable' } as const;

export class Assembler {
  readonly #windows: OpenWindow[];
  readonly #options: AssemblerOptions;
  readonly #claim: Claim;
  readonly #settled: Promise<unknown>[] = [];
  /** Reserved for a row that is not complete yet. */
  #expected = 0;
  /** The large row that is under way, and how to let the next one begin. */
  #stream: RowStream | undefined;
  /** Which route of its source gets it. */
  #streamedTo = 0;
  #leaveOversize: (() => void) | undefined;
  #next = 0;
  #rows = 0;
  #isAbandoned = false;

  constructor(found: readonly Found[], options: AssemblerOptions) {
    this.#windows = found.map(openWindow);
    this.#options = options;
    this.#claim = options.budget.claim();
  }

  /** Rows handed on so far. */
  get rows(): number {
    return this.#rows;
  }

  /** The ends of all parcels handed on: undefined, or the error. */
  get settled(): Promise<unknown[]> {
    return Promise.all(this.#settled);
  }

  /**
   * Takes pieces in the order of the stream; waits where the memory budget says so.
   * @param neededBytes of the row that comes next and is not complete yet.
   */
  async add(pieces: readonly RowPiece[], neededBytes = 0): Promise<void> {
    await this.#take(pieces);
    if (pieces.length > 0) this.#release(this.#expected);
    if (neededBytes < LEAST_EXPECTED_BYTES || neededBytes <= this.#expected) return;
    await this.#reserve(neededBytes - this.#expected);
    this.#expected = neededBytes;
  }

  async #take(pieces: readonly RowPiece[]): Promise<void> {
    for (const piece of pieces) {
      const isCopy = await this.#endStream(piece);
      while (this.#next < piece.k) this.#complete();
      const window = this.#windows[piece.k] as OpenWindow;
      if (piece.part !== undefined) {
        await this.#addPart(window, piece, isCopy);
        continue;
      }
      // Rows of equal id stay together: ids are not unique, and a cut is found again by its last id.
      const isMore =
        window.bytes + piece.bytes.length > this.#options.wholeBytes ||
        window.rows + piece.rows > this.#options.wholeEvents;
      if (isMore && window.rows > 0 && window.lastEventId !== piece.firstEventId) this.#cut(window);
      const expected = Math.min(this.#expected, piece.bytes.length);
      this.#expected -= expected;
      await this.#reserve(piece.bytes.length - expected, expected);
      collect(window, piece);
      if (piece.taken > 0) this.#options.onOriginTaken(window.source, piece.taken);
    }
  }

  /** The trailer has been seen: all windows are complete. */
  finish(): void {
    this.#stream?.end();
    this.#leaveOversize?.();
    while (this.#next < this.#windows.length) this.#complete();
    this.#claim.complete();
  }

  /** The stream broke: what is not complete is dropped. */
  abandon(): void {
    this.#isAbandoned = true;
    this.#stream?.breakOff(
      new TributaryError('The shard broke off a large event.', { code: 'copy-cut', kind: 'retryable' }),
    );
    this.#leaveOversize?.();
    for (const window of this.#windows.slice(this.#next)) this.#claim.free(window.bytes);
    this.#release(this.#expected);
    this.#claim.complete();
  }

  /** A source that began anew meanwhile does not want the bytes that were waited for. */
  async #reserve(bytes: number, reserved = 0): Promise<void> {
    await this.#claim.reserve(bytes);
    if (!this.#isAbandoned) return;
    this.#claim.free(bytes + reserved);
    this.#leaveWhereAbandoned();
  }

  #leaveWhereAbandoned(): void {
    if (!this.#isAbandoned) return;
    this.#leaveOversize?.();
    this.#claim.complete();
    throw new TributaryError('Reading was given up.', { code: 'abandoned', kind: 'retryable' });
  }

  #release(bytes: number): void {
    this.#expected -= bytes;
    if (bytes > 0) this.#claim.free(bytes);
  }

  /** A row larger than `whole`: what came before it goes first, then it goes alone, chunk by chunk. */
  async #addPart(window: OpenWindow, piece: RowPiece, isCopy: boolean): Promise<void> {
    if (piece.part === 'first' && !isCopy) {
      // A cut between two rows of one id would be taken for moved after a crash, and the second row be lost.
      if (window.lastEventId === piece.firstEventId) throw this.#twin(window, piece.firstEventId);
      if (window.rows > 0) this.#cut(window);
      this.#leaveOversize = await this.#options.budget.oversize();
      this.#leaveWhereAbandoned();
      this.#stream = this.#emitStream(window, piece);
    }
    if (piece.taken > 0) this.#options.onOriginTaken(window.source, piece.taken);
    await this.#stream?.push(piece.bytes);
    this.#leaveWhereSlow(window, this.#stream);
  }

  /** There is one place for large rows: a row that comes too slowly must not keep it for ever. */
  #leaveWhereSlow({ source }: OpenWindow, stream: RowStream | undefined): void {
    const slowly = stream?.bytesPerMsWhereSlow;
    if (slowly === undefined || !this.#options.budget.isOversizeAwaited) return;
    throw new TributaryError(
      `A large event of ${source.shard}:${source.queue} comes at ${Math.round(slowly)} kB/s while others wait for its place; it is tried again.`,
      { code: 'stream-slow', kind: 'retryable' },
    );
  }

  /**
   * Ends the large row when what follows it is known: another row of its id would be taken for moved after a crash.
   * @returns whether what follows is the same row for another central queue, which goes with it.
   */
  async #endStream(next: RowPiece): Promise<boolean> {
    const stream = this.#stream;
    const window = this.#windows[this.#next];
    if (stream === undefined || next.part === 'middle' || next.part === 'last') return false;
    if (next.k === this.#next && window?.lastEventId === next.firstEventId) {
      if (next.part === 'first' && next.to !== undefined && next.to > this.#streamedTo) {
        this.#stream = stream.goOn(destinationAt(window, next.to));
        this.#streamedTo = next.to;
        return true;
      }
      const error = this.#twin(window, next.firstEventId);
      stream.breakOff(error);
      throw error;
    }
    stream.end();
    this.#stream = undefined;
    this.#leaveOversize?.();
    this.#leaveOversize = undefined;
    return false;
  }

  /** The source rests, so that the shard's others go on. */
  #twin({ source }: OpenWindow, id: number): TributaryError {
    const [which, where] = [`${source.shard}:${source.queue}`, 'is larger than mover.whole'];
    const what =
      source.reading.routing === undefined
        ? `Two events of ${which} have the id ${id}, and one ${where}.`
        : `Of event ${id} of ${which} one copy ${where} and another one is not, or there are two events of that id.`;
    const about = { code: 'oversized-twin', kind: 'halting', remedy: 'Raise `mover.whole`.' } as const;
    const error = new TributaryError(what, about);
    source.failed(error, 'read');
    return error;
  }

  #emitStream(window: OpenWindow, { firstEventId, to: route }: RowPiece): RowStream {
    const stream = new RowStream();
    const streamedTo = route === undefined ? undefined : destinationAt(window, route);
    this.#streamedTo = route ?? 0;
    const { source, from } = window;
    if (!source.follows(from)) throw outdated();
    const to = insideAt(window, firstEventId);
    window.lastEventId = firstEventId;
    window.from = to;
    source.handOn(to);
    this.#rows += 1;
    const dead = takeDead(window, to);
    const unrouted = window.unrouted;
    window.unrouted = 0;
    const what = { chunks: stream, bytes: 0, rows: 1, streamedTo, unrouted };
    const { parcel, settled } = makeParcel({ source, from, to, dead, ...what });
    this.#settled.push(
      settled.then((error) => {
        if (error !== undefined) stream.refuse(error);
        return error;
      }),
    );
    this.#options.emit(parcel);
    return stream;
  }

  #complete(): void {
    const window = this.#windows[this.#next] as OpenWindow;
    this.#next += 1;
    if (window.cut.parts > 0) this.#options.onCut(window.source, withPart(window.cut, window, true));
    this.#emit(window, endOf(window));
    this.#claim.complete();
  }

  #cut(window: OpenWindow): void {
    window.cut = withPart(window.cut, window, false);
    this.#options.onCut(window.source, window.cut);
    this.#emit(window, insideAt(window, window.lastEventId as number));
    this.#claim.complete();
  }

  #emit(window: OpenWindow, to: Position): void {
    const { source } = window;
    const collected = takeCollected(window);
    const { bytes, rows, unrouted } = collected;
    // Begun anew from central's position while this was being read: it follows nothing any more.
    if (!source.follows(window.from)) {
      this.#claim.free(bytes);
      this.#settled.push(Promise.resolve(outdated()));
      return;
    }
    source.readTo(to);
    const { from } = window;
    const dead = takeDead(window, to);
    if (rows === 0 && dead.length === 0 && unrouted === 0) return;
    this.#rows += rows;
    source.windows.noteRows({ bytes, rows });
    source.handOn(to);
    window.from = to;
    const { parcel, settled } = makeParcel({ source, from, to, dead, ...collected });
    this.#settled.push(
      settled.then((error) => {
        this.#claim.free(bytes);
        return error;
      }),
    );
    this.#options.emit(parcel);
  }
}

const outdated = () => new TributaryError('Read before a failed commit.', OUTDATED);
