// One source as the mover sees it: where central says it is, how far reading has run ahead, and what was last seen.
//
// Invariant: `position` and `n` are what central has committed; `ahead` is never behind it. Parcels form a chain from
// `position` to `handed`; a reload begins a new one, and what hangs on the old one is refused wherever it is by then.
// At most two parcels with events are under way to central when the next is read. After one that failed nothing is read
// before all others have ended and the position was read from central. Only the verbs below change any of it.
import type { Position } from '../../central/position.ts';
import type { StoredSource } from '../../central/positions.ts';
import type { StoredState } from '../../central/source-states.ts';
import type { SeenQueue } from '../../shards/round.ts';
import type { Reading } from '../../shards/window.ts';
import { CondemnedCount } from './condemned-count.ts';
import { FigureKeeper, type SourceFigures } from './figures.ts';
import { TickerWatch } from './ticker-watch.ts';
import { SourceTrouble, type TroubleReport } from './trouble.ts';
import { UnderWay } from './under-way.ts';
import { WindowEstimate } from './window-estimate.ts';

export interface SourceOptions {
  readonly reading: Reading;
  /** Default: where central says. */
  readonly centralQueue?: string;
  readonly tickerMode: 'auto' | 'always' | 'never';
  /** Called when a parcel of it has ended, well or not. */
  readonly onSettled?: () => void;
}

/** A source that is known to have a position, and so the other two. */
export type MovableSource = Source & {
  readonly position: Position;
  readonly ahead: Position;
  readonly handed: Position;
};

const MOST_UNDER_WAY = 2;

export class Source {
  readonly id: number;
  readonly shard: string;
  readonly queue: string;
  readonly centralQueue: string;
  readonly reading: Reading;
  readonly ticker: TickerWatch;
  readonly windows = new WindowEstimate();
  readonly #onSettled: () => void;
  readonly #trouble: SourceTrouble;
  readonly #figures = new FigureKeeper();
  readonly #condemned = new CondemnedCount();
  #n = 0;
  #moved = 0;
  #position: Position | undefined;
  #ahead: Position | undefined;
  #handed: Position | undefined;
  #movedAtMs = Number.NEGATIVE_INFINITY;
  #isPaused = false;
  #isReadAlone = false;
  #readAloneEndedAtMs = Number.NEGATIVE_INFINITY;
  #isSlow = false;
  #isStale = false;
  readonly #underWay = new UnderWay();
  #watermark: number | undefined;

  constructor(stored: StoredSource, options: SourceOptions) {
    const { reading, tickerMode, centralQueue = stored.centralQueue, onSettled = () => {} } = options;
    this.id = stored.id;
    this.shard = stored.shard;
    this.queue = stored.queue;
    this.centralQueue = centralQueue;
    this.reading = reading;
    this.ticker = new TickerWatch(tickerMode);
    this.#onSettled = onSettled;
    this.#trouble = new SourceTrouble(`${stored.shard}:${stored.queue}`);
    this.reload(stored);
  }

  /** Number of the newest position that central is known to have. */
  get n(): number {
    return this.#n;
  }

  /** Events moved since the source was installed. */
  get moved(): number {
    return this.#moved;
  }

  get position(): Position | undefined {
    return this.#position;
  }

  /** Where reading stopped. */
  get ahead(): Position | undefined {
    return this.#ahead;
  }

  /** Where the last parcel that was handed on leads to: windows without events move `ahead` beyond it. */
  get handed(): Position | undefined {
    return this.#handed;
  }

  /** When events of it were last committed, on the monotonic clock, ms. */
  get movedAtMs(): number {
    return this.#movedAtMs;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** A large window of it is being read over a connection of its own. */
  get isReadAlone(): boolean {
    return this.#isReadAlone;
  }

  /** Its last window took too long to be read beside those of other queues: the next one is read alone. */
  get isSlow(): boolean {
    return this.#isSlow;
  }

  /** Its position may not be what central has: it is reloaded once nothing of it is under way. */
  get isStale(): boolean {
    return this.#isStale;
  }

  /** Why it does not move although the shard answers; undefined: it moves. */
  get trouble(): TroubleReport | undefined {
    return this.#trouble.report;
  }

  get figures(): SourceFigures {
    return this.#figures.figures;
  }

  /** When there last ceased to be a reason not to look at it, ms. */
  get excusedAtMs(): number {
    return Math.max(this.#trouble.endedAtMs, this.#readAloneEndedAtMs);
  }

  get underWay(): Pick<UnderWay, 'parcels' | 'events'> {
    return this.#underWay;
  }

  /** Whether its next window may be read: only a source whose events central does not take has to wait. */
  get isReadable(): boolean {
    return !this.#isStale && this.#underWay.parcels < MOST_UNDER_WAY;
  }

  /** It has a position, is not halted, paused, resting, or read alone. */
  canMove(): this is MovableSource {
    return this.hasPosition() && !this.#isReadAlone && this.#trouble.mayMove;
  }

  hasPosition(): this is MovableSource {
    return this.#position !== undefined;
  }

  /** How many more events of it may be condemned within the hour. */
  get condemnable(): number {
    return this.#condemned.left;
  }

  /** Whether what begins at `from` follows what was handed on last: else the source began anew meanwhile. */
  follows(from: Position): boolean {
    return this.#handed === from;
  }

  /** Tick of our registration on the shard when its connection was opened: central had all up to it. */
  get watermark(): number | undefined {
    return this.#watermark;
  }

  noteWatermark(tick: number | undefined): void {
    this.#watermark = tick;
  }

  /** Central's position is behind what it had confirmed: it was restored, or failed over to a standby that lacked something. */
  get isCentralOlder(): boolean {
    const { position } = this;
    return position !== undefined && this.#watermark !== undefined && this.#watermark > position.tick.id;
  }

  /**
   * Takes over central's position; what was read ahead is forgotten.
   * @returns how many events central had and has no more; undefined: it is not older than what was known here.
   */
  reload(stored: StoredSource): number | undefined {
    const lost = this.#lostBy(stored);
    // Positions that we did not write: another mover had the source, or has it still.
    if (stored.n > this.#n) {
      this.ticker.handedOver(performance.now());
      // A commit whose answer did not come had happened.
      this.succeeded('commit');
    }
    this.#n = stored.n;
    this.#moved = stored.moved;
    this.#position = stored.position;
    this.#ahead = stored.position;
    this.#handed = stored.position;
    this.#figures.forget();
    this.#isStale = false;
    this.refresh(stored);
    return lost;
  }

  #lostBy({ n, moved, position }: StoredSource): number | undefined {
    const isOlder = n < this.#n || (n === this.#n && n > 0 && position?.tick.id !== this.#position?.tick.id);
    return isOlder ? Math.max(0, this.#moved - moved) : undefined;
  }

  /** Takes over whether an operator paused or halted it. */
  refresh(stored: StoredState): void {
    this.#isPaused = stored.paused;
    this.#trouble.refresh(stored, { hasPosition: this.hasPosition() });
  }

  /** Central may have another position than the one that is known here. */
  distrust(): void {
    this.#isStale = true;
  }

  halt(reason: string): void {
    this.#trouble.halt(reason);
  }

  /** Reading or committing it failed through its own fault: it rests, longer each time. */
  failed(error: unknown, at: 'read' | 'commit'): void {
    this.#trouble.failed(error, at);
  }

  /** Reading, or committing, works again. */
  succeeded(at: 'read' | 'commit'): void {
    this.#trouble.succeeded(at);
  }

  condemned(events: number): void {
    this.#condemned.add(events);
  }

  /** What a round saw of it. @returns whether the round found that another ticker ticks the queue. */
  saw(seen: SeenQueue, nowMs: number): boolean {
    const waitingMs = this.#figures.saw(seen, this, nowMs);
    const { newest, ticked: tickedId } = seen;
    if (newest === undefined || seen.hasMore) return false;
    return this.ticker.saw({ newestId: newest.id, tickedId, waitingMs }, nowMs);
  }

  /** From now on its window is read over a connection of its own, and it is in no round. */
  readAlone(): void {
    this.#isReadAlone = true;
  }

  /** The reading has ended, well or not: the source goes on from central's position. */
  readAloneEnded(): void {
    this.#isReadAlone = false;
    this.#readAloneEndedAtMs = performance.now();
    this.distrust();
  }

  /** A window of it took too long to be read beside others. */
  tooSlow(): void {
    this.#isSlow = true;
  }

  /** A window of it was read alone to its end. */
  keptPace(): void {
    this.#isSlow = false;
  }

  /** Reading has come to `to`, where nothing is to be handed on so far. */
  readTo(to: Position): void {
    this.#ahead = to;
  }

  /** A parcel that leads to `to` goes to the gatherer. */
  handOn(to: Position): void {
    this.#ahead = to;
    this.#handed = to;
  }

  /** A parcel of it is under way to central. */
  sent({ rows }: { readonly rows: number }): void {
    this.#underWay.began(rows);
  }

  /** A parcel of it has ended. */
  settled({ rows, error }: { readonly rows: number; readonly error: unknown }): void {
    this.#underWay.ended(rows);
    if (error !== undefined) this.distrust();
    this.#onSettled();
  }

  /** Called by the gatherer in the order of commits. */
  committed({ n, position, rows }: { n: number; position: Position; rows: number }): void {
    this.#n = n;
    this.#position = position;
    this.#moved += rows;
    if (rows > 0) this.#movedAtMs = performance.now();
    // Also where nothing is left to insert: refused events were kept as dead events.
    this.succeeded('commit');
  }
}
