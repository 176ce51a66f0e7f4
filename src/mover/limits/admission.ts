// Which shards may bring how many more events into a central queue that has a `waiting:`: deficit round robin by events,
// over all movers, from what each of them sees. Pure.
//
// The queue has room for what its workers have handled since the last look, and what was left then. Each mover computes
// the same division of it among all shards that have events waiting, its own and those of other movers as they reported
// them, and gives its own shards their parts. A window is never divided for it: what a shard brings beyond its part
// (and the part that it could not use) counts at the next looks.
//
// Invariant: room that nobody else claims goes to those that want it, whatever they had before; what a shard did not use
// for lack of events is not saved up.
import { type Claimant, fairLevel } from './fair-level.ts';

/** What a look at central says of the queue. */
export interface RoomLook {
  /** Events that wait for the workers. */
  readonly waiting: number;
  /** How far the workers have come, by the queue's sequence. */
  readonly handled: number;
  /** What each shard of other movers has waiting for the queue. */
  readonly others: readonly number[];
}

/** What this mover knows by itself. */
export interface OwnClaims {
  /** What each of its shards has waiting for the queue. */
  readonly shards: ReadonlyMap<string, number>;
  /** Events that were read and are not committed: central does not count them yet. */
  readonly underWay: number;
}

/**
 * Parts that shards could not use because the queue was full when their mover looked are saved up to this share of the limit,
 * all together, or to this many parts of each, whichever is more.
 */
const SAVED_SHARE = 1 / 8;
const SAVED_LOOKS = 4;
/** Of what is handled while the queue is full this share is given to others; by the rest it gets less full. */
const FULL_SHARE = 1 / 2;
const MUCH_SHARE = 1 / 50;

/** What a shard may still bring. */
interface Part {
  /** Of what the workers have handled; below 0: what it brought beyond its parts. */
  readonly saved: number;
  /** Of room that is there beside that; it counts until the next look. */
  readonly spare: number;
}

export class Admission {
  #limit: number;
  #handled: number | undefined;
  #parts = new Map<string, Part>();
  /** What all shards of this mover may still bring. */
  #left = 0;
  #room = 0;
  /** Which shards were refused since the last look, and which between that and the one before. */
  #refused = new Set<string>();
  #refusedBefore: ReadonlySet<string> = new Set();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Another limit counts from the next look on. */
  limit(limit: number): void {
    this.#limit = limit;
  }

  looked({ waiting, handled, others }: RoomLook, { shards, underWay }: OwnClaims): void {
    const room = Math.max(0, this.#limit - waiting - underWay);
    this.#room = room;
    const drained = Math.max(0, handled - (this.#handled ?? handled));
    this.#handled = handled;
    const claims = [...shards.values(), ...others];
    // A mover that always looks when the queue is just full goes on all the same; by less, so that what is beyond the limit gets less.
    const share = levelOf(room > 0 ? drained : drained * FULL_SHARE, claims.map(fromNothing));
    const mostSaved = Math.max(
      levelOf(this.#limit * SAVED_SHARE, claims.map(fromNothing)),
      SAVED_LOOKS * share,
    );
    const before = this.#parts;
    const overOf = (shard: string) => Math.max(0, -(before.get(shard)?.saved ?? 0));
    const level = fairLevel(room, [
      ...[...shards].map(([shard, wants]) => ({ wants, over: overOf(shard) })),
      ...others.map(fromNothing),
    ]);
    this.#parts = new Map();
    let saved = 0;
    for (const [shard, wants] of shards) {
      const part = Math.min(room, Math.max(0, level - overOf(shard)));
      const kept = (before.get(shard)?.saved ?? 0) + share;
      const own = wants > 0 ? Math.min(kept, mostSaved) : Math.min(0, kept);
      saved += Math.max(0, own);
      this.#parts.set(shard, {
        saved: part > 0 ? Math.max(0, own) : own,
        spare: Math.max(0, part - Math.max(0, own)),
      });
    }
    const claimed = others.reduce((sum, wants) => sum + Math.min(wants, level), 0);
    this.#left = Math.max(room - claimed, saved);
    this.#refusedBefore = this.#refused;
    this.#refused = new Set();
  }

  /** Whether the shard may bring more now. */
  takes(shard: string): boolean {
    if (this.#left > 0 && this.mostFrom(shard) > 0) return true;
    this.#refused.add(shard);
    return false;
  }

  /** How many events it may bring before the next look, as far as its ticks allow to choose. */
  mostFrom(shard: string): number {
    const { saved, spare } = this.#parts.get(shard) ?? NO_PART;
    return Math.min(this.#left, saved + spare);
  }

  /** Events of the shard were read, and are under way to the queue. */
  handedOn(shard: string, events: number): void {
    this.#left -= events;
    const { saved, spare } = this.#parts.get(shard) ?? NO_PART;
    const beyond = events - Math.min(events, Math.max(0, saved));
    const left = saved - (events - beyond) - Math.max(0, beyond - spare);
    this.#parts.set(shard, { saved: Math.max(-this.#limit, left), spare: Math.max(0, spare - beyond) });
  }

  /** Whether a shard would have brought more since the last look. */
  get isShort(): boolean {
    return this.#refused.size > 0;
  }

  /** Whether it had room for more than a few at the last look. */
  get hasMuchRoom(): boolean {
    return this.#room >= this.#limit * MUCH_SHARE;
  }

  /** Whether it waited for room when the queue was looked at last. */
  holdsBack(shard: string): boolean {
    return this.#refusedBefore.has(shard);
  }
}

const NO_PART: Part = { saved: 0, spare: 0 };

const fromNothing = (wants: number): Claimant => ({ wants, over: 0 });

/** Where there is enough for all of them, the level is all that there is. */
const levelOf = (room: number, claimants: readonly Claimant[]): number =>
  Math.min(room, fairLevel(room, claimants));
