import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Admission } from '../../../../src/mover/limits/admission.ts';
import { fairLevel } from '../../../../src/mover/limits/fair-level.ts';

/** Of whole numbers, so that a failure can be read. */
const seeded = (seed: number) => {
  let state = seed + 1;
  return (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
};

interface ModelOptions {
  readonly limit: number;
  /** The mover of each shard. */
  readonly movers: readonly number[];
  /** How many events the workers handle between two looks of a mover. */
  readonly drained: number;
  readonly seed: number;
}

/** Shards, movers that look one after the other, each in its turn, and a queue of which only the number of events matters. */
class Model {
  readonly #options: ModelOptions;
  readonly #admissions: Admission[];
  readonly #random: (below: number) => number;
  readonly behind: number[];
  readonly admitted: number[];
  /** What the movers reported last, by shard: others see only that. */
  readonly #reported: number[];
  readonly #due: number[];
  waiting = 0;
  handled = 0;
  /** The most events of one shard between two of its ticks: they are never divided. */
  windows: (shard: number) => number = () => 1;
  mostBeyond = 0;

  constructor(options: ModelOptions) {
    this.#options = options;
    this.#random = seeded(options.seed);
    const count = Math.max(...options.movers) + 1;
    this.#admissions = Array.from({ length: count }, () => new Admission(options.limit));
    this.#due = this.#admissions.map(() => this.#random(PARTS));
    this.behind = options.movers.map(() => 0);
    this.admitted = options.movers.map(() => 0);
    this.#reported = options.movers.map(() => 0);
  }

  give(shard: number, events: number) {
    this.behind[shard] = (this.behind[shard] as number) + events;
  }

  /** The time between two looks of each mover. */
  turn() {
    for (let part = 0; part < PARTS; part += 1) {
      const drained = Math.min(
        this.waiting,
        Math.floor((this.#options.drained * (part + 1)) / PARTS) -
          Math.floor((this.#options.drained * part) / PARTS),
      );
      this.waiting -= drained;
      this.handled += drained;
      for (const [mover, due] of this.#due.entries()) if (due === part) this.#look(mover);
      for (const shard of this.#shuffled()) this.#admit(shard);
    }
  }

  #look(mover: number) {
    const { movers, limit } = this.#options;
    const own = new Map(
      movers.flatMap((of, shard) =>
        of === mover ? [[String(shard), this.behind[shard] as number] as const] : [],
      ),
    );
    const others = movers.flatMap((of, shard) => (of === mover ? [] : [this.#reported[shard] as number]));
    this.#admissions[mover]?.looked(
      { waiting: this.waiting, handled: this.handled, others },
      { shards: own, underWay: 0 },
    );
    for (const [shard, behind] of own) this.#reported[Number(shard)] = behind;
    this.mostBeyond = Math.max(this.mostBeyond, this.waiting - limit);
  }

  #admit(shard: number) {
    const admission = this.#admissions[this.#options.movers[shard] as number] as Admission;
    while ((this.behind[shard] as number) > 0 && admission.takes(String(shard))) {
      const events = Math.min(
        this.behind[shard] as number,
        Math.max(1, this.windows(shard), Math.floor(admission.mostFrom(String(shard)))),
      );
      admission.handedOn(String(shard), events);
      this.give(shard, -events);
      this.admitted[shard] = (this.admitted[shard] as number) + events;
      this.waiting += events;
    }
  }

  #shuffled(): number[] {
    const all = this.behind.map((_, shard) => shard);
    for (let at = all.length - 1; at > 0; at -= 1) {
      const other = this.#random(at + 1);
      [all[at], all[other]] = [all[other] as number, all[at] as number];
    }
    return all;
  }
}

const PARTS = 8;
const FLOOD = 1_000_000_000;

const anyModel = (mostMovers: number) =>
  fc
    .record({
      shards: fc.integer({ min: 2, max: 16 }),
      movers: fc.integer({ min: 1, max: mostMovers }),
      limit: fc.integer({ min: 1_000, max: 1_000_000 }),
      drainedShare: fc.double({ min: 0.02, max: 0.25, noNaN: true }),
      seed: fc.nat(),
    })
    .map(({ shards, movers, limit, drainedShare, seed }) => {
      const random = seeded(seed);
      const of = Array.from({ length: shards }, (_, shard) => (shard < movers ? shard : random(movers)));
      return { limit, drained: Math.max(shards * 8, Math.floor(limit * drainedShare)), seed, movers: of };
    });

describe('mover/limits/admission', () => {
  test('room goes to all alike, to none more than it wants, and first to those that had less', () => {
    expect(
      fairLevel(90, [
        { wants: 100, over: 0 },
        { wants: 100, over: 0 },
        { wants: 10, over: 0 },
      ]),
    ).toBe(40);
    expect(
      fairLevel(90, [
        { wants: 100, over: 80 },
        { wants: 100, over: 0 },
      ]),
    ).toBe(85);
    expect(
      fairLevel(90, [
        { wants: 50, over: 500 },
        { wants: 40, over: 0 },
      ]),
    ).toBe(Number.POSITIVE_INFINITY);
    expect(fairLevel(0, [{ wants: 50, over: 0 }])).toBe(0);
  });

  test('while one shard floods, what others bring below their share goes in within two looks, and the queue stays full', () => {
    fc.assert(
      fc.property(anyModel(4), fc.double({ min: 0, max: 3, noNaN: true }), (options, windowShare) => {
        const { limit, drained, movers } = options;
        const model = new Model(options);
        const window = Math.ceil(drained * windowShare);
        model.behind[0] = FLOOD;
        model.windows = (shard) => (shard === 0 ? window : 1);
        const quiet = movers.map((_, shard) => shard).slice(1);
        const quota = Math.floor(drained / movers.length / 4);
        const looks = 2;
        for (let turn = 0; turn < 100; turn += 1) {
          if (turn >= 40) for (const shard of quiet) model.give(shard, quota);
          model.turn();
          expect(Math.max(...quiet.map((shard) => model.behind[shard] as number))).toBeLessThanOrEqual(
            looks * quota,
          );
          if (turn >= 40) expect(model.waiting).toBeGreaterThanOrEqual(limit - 2 * drained);
        }
        expect(model.mostBeyond).toBeLessThanOrEqual(window + 2 * drained);
      }),
      { numRuns: 80 },
    );
  });

  test('shards that all have more get equal shares, whichever movers they are on and whatever the sizes of their windows', () => {
    fc.assert(
      fc.property(anyModel(4), fc.double({ min: 0.01, max: 0.25, noNaN: true }), (options, windowShare) => {
        const model = new Model(options);
        const count = options.movers.length;
        for (let shard = 0; shard < count; shard += 1) model.behind[shard] = FLOOD;
        model.windows = (shard) => Math.ceil(((options.drained * windowShare) / count) * (1 + (shard % 4)));
        for (let turn = 0; turn < 100; turn += 1) model.turn();
        const before = [...model.admitted];
        for (let turn = 0; turn < 400; turn += 1) model.turn();
        const came = model.admitted.map((events, shard) => events - (before[shard] as number));
        const share = came.reduce((sum, events) => sum + events, 0) / count;
        for (const events of came) expect(Math.abs(events - share) / share).toBeLessThan(0.05);
      }),
      { numRuns: 25 },
    );
  });
});
