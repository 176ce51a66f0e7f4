// One source as the mover sees it: where central says it is, how far reading has run ahead, and what was last seen.
//
// Invariant: `position` and `n` are what central has committed; `ahead` is never behind it. Parcels form a chain from
// `position` to `handed`; a reload begins a new one, and what hangs on the old one is refused wherever it is by then.
// At most two parcels with events are under way to central when the next is read. After one that failed nothing is read
// before all others have ended and the position was read from central.
import type { Position } from '../../central/position.ts';
import type { StoredSource } from '../../central/positions.ts';
import type { StoredState } from '../../central/source-states.ts';
import { sentenceFor } from '../../errors/sentence.ts';
import { backoffMs } from '../../lifecycle/backoff.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import type { Reading } from '../../shards/window.ts';
import { LateWriters } from './late-writers.ts';
import { TickTimes } from './tick-times.ts';
import { TickerWatch } from './ticker-watch.ts';

/** What an operator is shown of a source. */
export interface SourceFigures {
  /** Monotonic clock of this process, ms; 0: never seen. */
  atMs: number;
  eventsBehind: number | undefined;
  /** True only where the shard was asked whether a row is left. */
  isExact: boolean;
  secondsBehind: number | undefined;
  lastTick: number | undefined;
  /** Events wait for a tick that is not ours to make, or could not be made. */
  tickless: 'paused' | 'external' | 'silent' | undefined;
}

/** More in an hour are no bad events: something is wrong with what refuses them. */
const MOST_CONDEMNED_AN_HOUR = 100;
const HOUR_MS = 3_600_000;
const MOST_UNDER_WAY = 2;
/** A round looks at so many at least: where nothing is read they show how things stand. */
export const FEWEST_TICKS = 50;
const MOST_TICKS = 5_000;

export class Source {
  readonly id: number;
  readonly shard: string;
  readonly queue: string;
  readonly centralQueue: string;
  readonly reading: Reading;
  readonly ticker: TickerWatch;
  n = 0;
  moved = 0;
  position: Position | undefined;
  /** Where reading stopped. */
  ahead: Position | undefined;
  /** Where the last parcel that was handed on leads to: windows without events move `ahead` beyond it. */
  handed: Position | undefined;
  /** When events of it were last committed, on the monotonic clock, ms. */
  movedAtMs = Number.NEGATIVE_INFINITY;
  isPaused = false;
  /** A large window of it is being read over a connection of its own. */
  isReadAlone = false;
  /** Its last window took too long to be read beside those of other queues: the next one is read aside. */
  isSlow = false;
  /** Why it does not move although the shard answers; undefined: it moves. */
  trouble: { state: 'halted' | 'paused' | 'unreachable' | 'unassigned'; reason: string } | undefined;
  readonly figures: SourceFigures = {
    atMs: 0,
    eventsBehind: undefined,
    isExact: false,
    secondsBehind: undefined,
    lastTick: undefined,
    tickless: undefined,
  };
  readonly tickTimes = new TickTimes();
  readonly lateWriters = new LateWriters();
  /** When there last was a reason not to look at it, ms. */
  excusedAtMs = performance.now();
  /** Its position may not be what central has: it is reloaded once nothing of it is under way. */
  isStale = false;
  /** Called when a parcel of it has ended, well or not. */
  onSettled: () => void = () => {};
  #underWay = 0;
  #failures = 0;
  #restsUntilMs = 0;
  #failedAt: 'read' | 'commit' | undefined;
  #condemnedAtMs: number[] = [];
  /** How many ticks a round looks at: more while there are more than that. */
  ticks = FEWEST_TICKS;
  /** Average bytes of an event, for the size of the next window. */
  rowBytes = 200;

  constructor(
    stored: StoredSource,
    { reading, tickerMode }: { reading: Reading; tickerMode: 'auto' | 'always' | 'never' },
  ) {
    this.id = stored.id;
    this.shard = stored.shard;
    this.queue = stored.queue;
    this.centralQueue = stored.centralQueue;
    this.reading = reading;
    this.ticker = new TickerWatch(tickerMode);
    this.reload(stored);
  }

  /** Takes what central says as the truth; what was read ahead is forgotten. */
  reload(stored: StoredSource): void {
    // Positions that are not ours: another mover had it, or has it still.
    if (stored.n > this.n) {
      this.ticker.handedOver(performance.now());
      // A commit whose answer did not come had happened.
      this.succeeded('commit');
    }
    this.n = stored.n;
    this.moved = stored.moved;
    this.position = stored.position;
    this.ahead = stored.position;
    this.handed = stored.position;
    this.tickTimes.forget();
    this.isStale = false;
    this.refresh(stored);
  }

  /** Takes over whether an operator paused or halted it. */
  refresh(stored: StoredState): void {
    this.isPaused = stored.paused;
    const label = `Source ${this.shard}:${this.queue}`;
    if (stored.state === 'halted') {
      this.trouble = { state: 'halted', reason: stored.haltReason ?? `${label} is halted.` };
    } else if (stored.paused) {
      this.trouble = {
        state: 'paused',
        reason: stored.pauseReason ?? 'Paused by an operator; `tributary resume` goes on.',
      };
    } else if (stored.state === 'registering') {
      this.trouble = {
        state: 'unassigned',
        reason: `${label} is not registered to its end: run \`tributary install\` again.`,
      };
    } else if (this.position === undefined) {
      this.trouble = {
        state: 'halted',
        reason: `The position of ${this.shard}:${this.queue} is missing: see \`tributary repair ${this.shard}:${this.queue} --dry-run\`.`,
      };
    } else if (this.trouble !== undefined && this.trouble.state !== 'unreachable') {
      this.trouble = undefined;
    }
  }

  /** Reading or committing it failed through its own fault: it rests, longer each time. */
  failed(error: unknown, at: 'read' | 'commit'): void {
    this.#failures = this.#failedAt === at ? this.#failures + 1 : 1;
    this.#failedAt = at;
    this.#restsUntilMs = performance.now() + backoffMs(this.#failures, TIMING.shard.sourceTrouble);
    // Why it was halted or paused is what an operator has to know.
    if (this.trouble !== undefined && this.trouble.state !== 'unreachable') return;
    this.trouble = {
      state: 'unreachable',
      reason: `${sentenceFor(error, `Source ${this.shard}:${this.queue}`)} It is tried again.`,
    };
  }

  /** Reading, or committing, works again. */
  succeeded(at: 'read' | 'commit'): void {
    if (this.#failedAt !== at) return;
    this.#failedAt = undefined;
    this.#restsUntilMs = 0;
    if (this.trouble?.state === 'unreachable') this.trouble = undefined;
  }

  /** How many more events of it may be condemned within the hour. */
  get condemnable(): number {
    const sinceMs = performance.now() - HOUR_MS;
    this.#condemnedAtMs = this.#condemnedAtMs.filter((atMs) => atMs > sinceMs);
    return MOST_CONDEMNED_AN_HOUR - this.#condemnedAtMs.length;
  }

  condemned(events: number): void {
    this.#condemnedAtMs.push(...Array.from({ length: events }, () => performance.now()));
  }

  /** `hasMore`: there were more ticks than the round looked at. */
  noteTicks(hasMore: boolean): void {
    this.ticks = hasMore ? Math.min(MOST_TICKS, this.ticks * 4) : FEWEST_TICKS;
  }

  /** A parcel of it goes to the gatherer. */
  sent({ rows }: { readonly rows: number }): void {
    if (rows > 0) this.#underWay += 1;
  }

  /** One has ended. */
  settled({ rows, error }: { readonly rows: number; readonly error: unknown }): void {
    if (rows > 0) this.#underWay -= 1;
    if (error !== undefined) this.isStale = true;
    this.onSettled();
  }

  get isUnderWay(): boolean {
    return this.#underWay > 0;
  }

  /** Whether its next window may be read: central holds up only those whose events it does not take. */
  get isReadable(): boolean {
    return !this.isStale && this.#underWay < MOST_UNDER_WAY;
  }

  /** Called by the gatherer in the order of commits. */
  committed({ n, position, rows }: { n: number; position: Position; rows: number }): void {
    this.n = n;
    this.position = position;
    this.moved += rows;
    if (rows > 0) this.movedAtMs = performance.now();
    // Also where nothing is left to insert: what central refused was kept as dead events.
    this.succeeded('commit');
  }

  get canMove(): boolean {
    return (
      this.position !== undefined &&
      !this.isReadAlone &&
      (this.trouble === undefined || this.trouble.state === 'unreachable') &&
      performance.now() >= this.#restsUntilMs
    );
  }
}
