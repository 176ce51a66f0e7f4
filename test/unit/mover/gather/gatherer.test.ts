import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Source } from '../../../../src/mover/source/source.ts';
import {
  eventsIn,
  FakeCentral,
  givenGatherer,
  givenSource,
  read,
  reload,
} from '../../../support/mover/gathering.ts';
import { until } from '../../../support/until.ts';

const LARGE = 5 * 1024 * 1024;

describe('mover/gather/gatherer', () => {
  test('parcels of several sources are committed together, each after what it follows', async () => {
    const central = new FakeCentral();
    const { gatherer } = givenGatherer(central);
    const [a, b] = [givenSource(1), givenSource(2)];
    central.hold();
    const parcels = [read(a, 2), read(b, 1), read(a, 1), read(b, 2)];
    for (const { parcel } of parcels) gatherer.add(parcel);
    central.open();
    expect(await Promise.all(parcels.map(({ settled }) => settled))).toEqual(Array(4).fill(undefined));
    expect(central.events.filter((event) => event.startsWith('1:'))).toEqual(eventsIn(a, 1, 3));
    expect(central.events.filter((event) => event.startsWith('2:'))).toEqual(eventsIn(b, 1, 3));
  });

  test('few small parcels wait for those that are being read, but not for long', async () => {
    const central = new FakeCentral();
    let isComing = true;
    const { gatherer } = givenGatherer(central, { isMoreComing: () => isComing });
    const [a, b] = [givenSource(1), givenSource(2)];
    const [first, second, alone] = [read(a, 2), read(b, 1), read(a, 1)];
    gatherer.add(first.parcel);
    // Time enough to begin the commit of the first one alone.
    await new Promise(setImmediate);
    gatherer.add(second.parcel);
    isComing = false;
    expect(await Promise.all([first.settled, second.settled])).toEqual([undefined, undefined]);
    expect(central.tried).toHaveLength(1);
    isComing = true;
    gatherer.add(alone.parcel);
    expect(await alone.settled).toBeUndefined();
  });

  test('a window read on from a failed commit is refused, although it came after the failure', async () => {
    const central = new FakeCentral();
    const { gatherer } = givenGatherer(central);
    const source = givenSource(1);
    const first = read(source, 3);
    central.fault = 'connection';
    gatherer.add(first.parcel);
    expect(await first.settled).toBeInstanceOf(Error);
    // The next turn had begun before it could know.
    const next = read(source, 2);
    gatherer.add(next.parcel);
    expect(await next.settled).toMatchObject({ code: 'outdated' });
    expect(central.events).toEqual([]);
    reload(source, central);
    const again = read(source, 5);
    gatherer.add(again.parcel);
    expect(await again.settled).toBeUndefined();
    expect(central.events).toEqual(eventsIn(source, 1, 5));
  });

  test('a gatherer that is given up hands back its parcels, and takes no more', async () => {
    const central = new FakeCentral();
    const { gatherer } = givenGatherer(central);
    const [a, b] = [givenSource(1), givenSource(2)];
    central.hold();
    const [taken, waiting, later] = [read(a, 2), read(a, 2), read(b, 2)];
    for (const { parcel } of [taken, waiting]) gatherer.add(parcel);
    await until(() => central.tried.length > 0, { what: 'the commit that hangs' });
    expect([a.underWay.parcels, a.isReadable]).toEqual([2, false]);
    gatherer.abandon();
    gatherer.add(later.parcel);
    for (const { settled } of [taken, waiting, later])
      expect(await settled).toMatchObject({ code: 'abandoned', kind: 'retryable' });
    // What was under way may happen all the same: so central is asked where the source stands.
    expect([a.underWay.parcels, a.isStale]).toEqual([0, true]);
  });

  test('a window that still waits when its source begins anew is not committed beside the one that is read again', async () => {
    const central = new FakeCentral();
    const { gatherer } = givenGatherer(central);
    const [busy, source] = [givenSource(1), givenSource(2)];
    central.hold();
    const slow = read(busy, 1);
    gatherer.add(slow.parcel);
    const waiting = read(source, 3);
    gatherer.add(waiting.parcel);
    reload(source, central);
    const again = read(source, 3);
    gatherer.add(again.parcel);
    central.open();
    await Promise.all([slow.settled, waiting.settled, again.settled]);
    expect(central.events).toEqual([...eventsIn(busy, 1, 1), ...eventsIn(source, 1, 3)]);
  });

  test('a window that waits to be gathered does not undo a position that was set back meanwhile', async () => {
    const central = new FakeCentral();
    const { gatherer } = givenGatherer(central);
    const source = givenSource(1);
    central.positions.set(1, { n: 5, tick: 8 });
    reload(source, central);
    central.hold();
    const idle = read(source, 1);
    expect(idle.parcel.rows).toBe(0);
    gatherer.add(idle.parcel);
    // An operator rewinds it.
    central.positions.set(1, { n: 6, tick: 3 });
    reload(source, central);
    central.open();
    expect(await idle.settled).toMatchObject({ code: 'outdated' });
    const again = read(source, 7);
    gatherer.add(again.parcel);
    await again.settled;
    expect(central.events).toEqual(eventsIn(source, 4, 10));
  });

  test('the source that failed a commit is left out alone, and pauses; its later windows are refused too', async () => {
    const central = new FakeCentral();
    const { gatherer, troubles } = givenGatherer(central);
    const sources = [1, 2, 3, 4, 5].map(givenSource);
    central.bad = 4;
    central.hold();
    const parcels = sources.flatMap((source) => [read(source, 1), read(source, 1)]);
    for (const { parcel } of parcels) gatherer.add(parcel);
    central.open();
    const ends = await Promise.all(parcels.map(({ settled }) => settled));
    expect(ends.map((end) => end === undefined)).toEqual(sources.flatMap(({ id }) => [id !== 4, id !== 4]));
    expect(troubles.map(({ source }) => source?.id)).toEqual([4]);
    expect(sources[3]?.trouble?.state).toBe('unreachable');
    expect(central.events.length).toBe(8);
  });

  test('another mover being faster is no failure', async () => {
    const central = new FakeCentral();
    const { gatherer, troubles } = givenGatherer(central);
    const source = givenSource(1);
    central.positions.set(1, { n: 2, tick: 3 });
    const late = read(source, 3);
    gatherer.add(late.parcel);
    expect(await late.settled).toMatchObject({ code: 'TB010' });
    expect(source.canMove()).toBe(true);
    expect(troubles).toEqual([]);
  });

  test('whatever fails, is read again or waits: in the end each event is committed once and in order', async () => {
    const step = fc.record({
      source: fc.nat({ max: 2 }),
      ticks: fc.integer({ min: 1, max: 4 }),
      fault: fc.constantFrom('none', 'none', 'none', 'connection', 'unknown', 'row'),
      reloads: fc.boolean(),
      waits: fc.boolean(),
      isLarge: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
        const central = new FakeCentral();
        const { gatherer } = givenGatherer(central);
        const sources = [1, 2, 3].map(givenSource);
        const ends: Promise<unknown>[] = [];
        const add = (source: Source, ticks: number, bytes?: number) => {
          const { parcel, settled } = read(source, ticks, bytes === undefined ? {} : { bytes });
          gatherer.add(parcel);
          ends.push(settled);
          return settled;
        };
        for (const { source: index, ticks, fault, reloads, waits, isLarge } of steps) {
          const source = sources[index] as Source;
          if (reloads) reload(source, central);
          central.fault = fault;
          central.bad = fault === 'row' ? source.id : undefined;
          const settled = add(source, ticks, isLarge ? LARGE : undefined);
          if (waits) await settled;
        }
        central.fault = 'none';
        central.bad = undefined;
        await Promise.all(ends);
        for (const source of sources) {
          reload(source, central);
          const reached = source.position?.tick.id as number;
          expect(await add(source, 121 - reached)).toBeUndefined();
          const own = central.events.filter((event) => event.startsWith(`${source.id}:`));
          expect(own).toEqual(eventsIn(source, 1, 121));
        }
      }),
      { numRuns: 100 },
    );
  });
});
