// How far a source is behind, from what rounds see of it.
import { type Position, sameTick } from '../../central/position.ts';
import type { SeenQueue } from '../../shards/round.ts';
import { TickTimes } from './tick-times.ts';

/** What an operator is shown of a source. */
export interface SourceFigures {
  /** Monotonic clock of this process, ms; 0: never seen. */
  readonly atMs: number;
  readonly eventsBehind: number | undefined;
  /** True only where the shard was asked whether a row is left. */
  readonly isExact: boolean;
  readonly secondsBehind: number | undefined;
  readonly lastTick: number | undefined;
  /** Events wait for a tick that is not ours to make, or could not be made. */
  readonly tickless: 'paused' | 'external' | 'silent' | undefined;
}

/** The positions of a source when a round has seen it. */
export interface SourcePositions {
  readonly position: Position | undefined;
  readonly ahead: Position | undefined;
  readonly handed: Position | undefined;
}

const UNSEEN: SourceFigures = {
  atMs: 0,
  eventsBehind: undefined,
  isExact: false,
  secondsBehind: undefined,
  lastTick: undefined,
  tickless: undefined,
};

export class FigureKeeper {
  readonly #tickTimes = new TickTimes();
  #figures = UNSEEN;

  get figures(): SourceFigures {
    return this.#figures;
  }

  /** The position may have gone back. */
  forget(): void {
    this.#tickTimes.forget();
  }

  /**
   * The source counts as not behind only where the shard was asked for rows beyond its newest tick, reading has come up to that
   * tick, and all that was read is committed; else events are estimated from sequences, never as 0, and seconds are the age
   * of the oldest event that is not moved, as far as it was seen, or of the oldest tick that the position has not passed.
   * Figures that a round could not tell keep their age.
   * @returns how long events have waited for a tick, in ms.
   */
  saw(seen: SeenQueue, { position, ahead, handed }: SourcePositions, nowMs: number): number {
    const { newest, nowUs } = seen;
    if (newest === undefined) return 0;
    // Not by the sequence alone: a transaction that commits late took its numbers before the tick.
    const isWaiting = seen.lastSeq > newest.eventSeq || seen.uncovered === true;
    const untickedMs = this.#tickTimes.sawUnticked(newest.id, { isWaiting, nowMs });
    const waitingMs = isWaiting ? Math.max((nowUs - newest.timeUs) / 1000, untickedMs) : 0;
    if (position === undefined || ahead === undefined) return waitingMs;
    // A shard that went back in time says nothing about our position.
    if (seen.start === undefined || !sameTick(seen.start, ahead.tick) || seen.missingXids > 0)
      return waitingMs;
    const oldestUs = seen.oldestEventUs ?? seen.oldestTickUs;
    if (oldestUs !== undefined) this.#tickTimes.saw(ahead.tick.id, oldestUs, nowMs);
    this.#tickTimes.passed(position.tick.id);
    const isReadToEnd = seen.end === undefined && !seen.hasMore && ahead.inside === undefined;
    const isAllMoved = isReadToEnd && isSame(handed, position);
    if (isAllMoved && seen.uncovered === undefined) return waitingMs;
    const known = { atMs: nowMs, lastTick: newest.id };
    if (isAllMoved && seen.uncovered === false) {
      this.#figures = { ...known, eventsBehind: 0, isExact: true, secondsBehind: 0, tickless: undefined };
      this.#tickTimes.sawNothing(nowUs);
      return waitingMs;
    }
    const movedSeq = position.inside?.lastEventId ?? position.tick.eventSeq;
    const from = isAllMoved ? ahead : position;
    const otherwise = { us: newest.timeUs, ms: untickedMs };
    this.#figures = {
      ...known,
      eventsBehind: Math.max(1, seen.lastSeq - movedSeq),
      isExact: false,
      secondsBehind: this.#tickTimes.ageMs(from.tick.id, { nowUs, nowMs, otherwise }) / 1000,
      tickless: isAllMoved && seen.ticked === undefined ? ticklessness(seen) : undefined,
    };
    return waitingMs;
  }
}

function ticklessness({ tickerPaused, external }: SeenQueue): SourceFigures['tickless'] {
  if (tickerPaused) return 'paused';
  return external ? 'external' : 'silent';
}

/** By value: a position that was read from central is another object. */
function isSame(a: Position | undefined, b: Position): boolean {
  return a !== undefined && sameTick(a.tick, b.tick) && a.inside?.lastEventId === b.inside?.lastEventId;
}
