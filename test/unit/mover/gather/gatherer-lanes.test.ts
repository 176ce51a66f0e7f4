import { describe, expect, test } from 'vitest';
import type { SortOut } from '../../../../src/mover/gather/refused-events.ts';
import {
  FakeCentral,
  givenGatherer,
  givenSource,
  read,
  readStream,
} from '../../../support/mover/gathering.ts';
import { until } from '../../../support/until.ts';

/** How long is waited after a failure: that nobody else waits is seen by the order of things. */
const retryMs = 60_000;
const LARGE = { bytes: 8 * 1024 * 1024 };

function given({ sortOut }: { sortOut?: SortOut } = {}) {
  const central = new FakeCentral();
  const { gatherer, troubles } = givenGatherer(central, { retryMs, ...(sortOut && { sortOut }) });
  const sources = [1, 2, 3, 4].map(givenSource);
  const [a, b, c, d] = sources as [
    (typeof sources)[0],
    (typeof sources)[0],
    (typeof sources)[0],
    (typeof sources)[0],
  ];
  const add = <T extends { parcel: Parameters<typeof gatherer.add>[0] }>(one: T): T => {
    gatherer.add(one.parcel);
    return one;
  };
  return { central, gatherer, troubles, add, a, b, c, d };
}

describe('mover/gatherer: lanes', () => {
  test('while a large parcel is copied, small ones of other sources go on, again and again', async () => {
    const { central, add, a, b, c } = given();
    central.hold('large');
    const large = add(read(a, 1, LARGE));
    for (let n = 0; n < 5; n += 1) {
      const small = [add(read(b, 1)), add(read(c, 1))];
      expect(await Promise.all(small.map(({ settled }) => settled))).toEqual([undefined, undefined]);
    }
    expect(central.positions.has(1)).toBe(false);
    central.open();
    expect(await large.settled).toBeUndefined();
  });

  test('a parcel that follows a large one of the same source waits for it, whatever its size', async () => {
    const { central, add, a, b } = given();
    central.hold('large');
    const [large, small] = [add(read(a, 1, LARGE)), add(read(a, 1))];
    expect(await add(read(b, 1)).settled).toBeUndefined();
    expect(central.tried.flatMap(({ sources }) => sources).sort()).toEqual([1, 2]);
    central.open();
    expect([await large.settled, await small.settled]).toEqual([undefined, undefined]);
    expect(central.positions.get(1)?.tick).toBe(2);
  });

  test('large parcels of two sources go over two lanes where no small ones come, else over one', async () => {
    const quiet = given();
    quiet.central.hold();
    quiet.add(read(quiet.a, 1, LARGE));
    await until(() => quiet.central.tried.length === 1, { what: 'the first' });
    quiet.add(read(quiet.b, 1, LARGE));
    quiet.add(read(quiet.c, 1, LARGE));
    await until(() => quiet.central.tried.length === 2, { what: 'the second' });
    expect(quiet.central.tried.map(({ lane }) => lane).sort()).toEqual(['large', 'quick']);
    quiet.central.open();

    const busy = given();
    await busy.add(read(busy.d, 1)).settled;
    busy.central.hold('large');
    busy.add(read(busy.a, 1, LARGE));
    const second = busy.add(read(busy.b, 1, LARGE));
    await busy.add(read(busy.d, 1)).settled;
    expect(busy.central.tried.map(({ lane }) => lane).sort()).toEqual(['large', 'quick', 'quick']);
    busy.central.open();
    expect(await second.settled).toBeUndefined();
  });

  test('an event that comes slowly delays neither small nor large parcels of others', async () => {
    const { central, add, a, b, c } = given();
    const slow = add(readStream(a));
    await slow.stream.push(Buffer.from('1:1'));
    expect(await add(read(b, 1)).settled).toBeUndefined();
    expect(await add(read(c, 1, LARGE)).settled).toBeUndefined();
    slow.stream.end();
    expect(await slow.settled).toBeUndefined();
    expect(central.events.at(-1)).toBe('1:1');
  });

  test('an event that its shard breaks off is no failure of other sources, and delays none', async () => {
    const { gatherer, troubles, add, a, b } = given();
    const slow = add(readStream(a));
    const next = add(read(a, 1));
    await slow.stream.push(Buffer.from('1:1'));
    slow.stream.breakOff(new Error('The shard is gone.'));
    expect(await slow.settled).toMatchObject({ message: 'The shard is gone.' });
    expect(await next.settled).toBeInstanceOf(Error);
    expect([gatherer.isHealthy, troubles]).toEqual([true, []]);
    expect(await add(read(b, 1)).settled).toBeUndefined();
  });

  test('an event in parts that central refuses fails its own source alone', async () => {
    const { central, gatherer, troubles, add, a, b } = given();
    central.hold('stream');
    const refused = add(readStream(a));
    await until(() => central.tried.length === 1, { what: 'its commit' });
    central.fault = 'connection';
    refused.stream.end();
    central.open();
    expect(await refused.settled).toBeInstanceOf(Error);
    expect(troubles.map(({ source }) => source)).toEqual([a]);
    expect([gatherer.isHealthy, a.canMove()]).toEqual([true, false]);
    expect(await add(read(b, 1)).settled).toBeUndefined();
  });

  test('a refused event is searched for beside the others, and its source goes alone for a while', async () => {
    let found: () => void = () => {};
    const search = new Promise<void>((resolve) => {
      found = resolve;
    });
    const { central, add, a, b, c } = given({
      sortOut: async (content) => {
        await search;
        central.bad = undefined;
        return content;
      },
    });
    central.bad = 1;
    const poisoned = add(read(a, 1));
    await add(read(b, 1)).settled;
    for (let n = 0; n < 3; n += 1) expect(await add(read(c, 1)).settled).toBeUndefined();
    found();
    expect(await poisoned.settled).toBeUndefined();
    central.tried.length = 0;
    central.hold();
    const after = [add(read(b, 1)), add(read(a, 1)), add(read(c, 1))];
    await until(() => central.tried.length === 2, { what: 'both commits' });
    central.open();
    await Promise.all(after.map(({ settled }) => settled));
    const withA = central.tried.filter(({ sources }) => sources.includes(1));
    expect(withA).toEqual([{ lane: 'large', sources: [1] }]);
  });

  test('a large commit that fails hands back the large parcel; small ones go on', async () => {
    const { central, gatherer, troubles, add, a, b, c } = given();
    central.hold('large');
    const [large, next] = [add(read(a, 1, LARGE)), add(read(b, 1, LARGE))];
    await until(() => central.tried.length === 1, { what: 'the large commit' });
    const small = add(read(c, 1));
    expect(await small.settled).toBeUndefined();
    central.fault = 'connection';
    central.open();
    expect(await large.settled).toBeInstanceOf(Error);
    expect(await next.settled).toBeInstanceOf(Error);
    expect(troubles.map(({ source }) => source)).toEqual([undefined]);
    // Nobody begins to read for a central that fails, but what is there goes on.
    expect(gatherer.isHealthy).toBe(false);
    expect(await add(read(c, 1)).settled).toBeUndefined();
  });
});
