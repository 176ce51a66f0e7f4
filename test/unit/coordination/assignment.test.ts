import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  assign,
  type Holding,
  type Member,
  type Resource,
  type Standings,
} from '../../../src/coordination/assignment.ts';

const resources = (n: number): Resource[] => Array.from({ length: n }, (_, i) => ({ name: `r${i}` }));
const members = (...ids: string[]): Member[] => ids.map((id) => ({ id, host: id, silentMs: -1_000 }));

function standings(options: Partial<Standings>): Standings {
  return {
    me: 'a',
    resources: resources(4),
    members: members('a', 'b'),
    holdings: [],
    adoptAfterMs: 30_000,
    watchingMs: 0,
    ...options,
  };
}

/** Everybody acts on what it sees, one after the other, until nobody wants to. */
function settle(given: Standings): { holdings: Holding[]; moves: number } {
  let holdings = [...given.holdings];
  let moves = 0;
  const alive = given.members.filter(({ silentMs }) => silentMs <= 0);
  for (let round = 0; round < 50; round += 1) {
    const before = moves;
    for (const { id } of alive) {
      const plan = assign({ ...given, me: id, holdings });
      holdings = holdings.filter(({ resource, holder }) => holder !== id || !plan.release.includes(resource));
      const free = plan.take.filter((name) => !holdings.some(({ resource }) => resource === name));
      const taken = free.slice(0, plan.maxNew).map((resource) => ({ resource, holder: id }));
      holdings.push(...taken);
      moves += plan.release.length + taken.length;
    }
    if (moves === before) return { holdings, moves };
  }
  throw new Error('they never settle');
}

describe('coordination/assignment', () => {
  test('a member that is alone takes everything', () => {
    const plan = assign(standings({ members: members('a') }));
    expect(plan).toEqual({ take: ['r0', 'r1', 'r2', 'r3'], maxNew: 4, release: [] });
  });

  test('two members begin at different places and take half each', () => {
    const [a, b] = ['a', 'b'].map((me) => assign(standings({ me })));
    expect(a).toEqual({ take: ['r0', 'r1', 'r2', 'r3'], maxNew: 2, release: [] });
    expect(b).toEqual({ take: ['r2', 'r3', 'r0', 'r1'], maxNew: 2, release: [] });
  });

  test('a newcomer is given its share, not more', () => {
    const holdings = resources(5).map(({ name }) => ({ resource: name, holder: 'a' }));
    expect(assign(standings({ resources: resources(5), holdings })).release).toEqual(['r3', 'r4']);
    expect(assign(standings({ resources: resources(5), holdings, me: 'b' }))).toEqual({
      take: [],
      // What the other one is about to let go of.
      soon: ['r4', 'r3'],
      maxNew: 2,
      release: [],
    });
  });

  test('counts that differ by one stay as they are', () => {
    const holdings = ['a', 'b', 'b'].map((holder, n) => ({ resource: `r${n}`, holder }));
    for (const me of ['a', 'b'])
      expect(assign(standings({ me, resources: resources(3), holdings }))).toEqual({
        take: [],
        maxNew: 0,
        release: [],
      });
  });

  test('a resource that does not exist any more is released', () => {
    const holdings = [{ resource: 'gone', holder: 'a' }];
    expect(assign(standings({ resources: [], holdings })).release).toEqual(['gone']);
  });

  describe('resources with a home', () => {
    const atHome: Resource[] = [{ name: 's', home: 'h1' }];
    const stranger: Member = { id: 'a', host: 'h2', silentMs: -1 };
    const dead = (silentMs: number): Member => ({ id: 'z', host: 'h1', silentMs });

    test('belong to the members of that host while there is one', () => {
      const home: Member = { id: 'b', host: 'h1', silentMs: -1 };
      const given = standings({ resources: atHome, members: [stranger, home], watchingMs: 1e9 });
      expect(assign(given).take).toEqual([]);
      expect(assign({ ...given, me: 'b' }).take).toEqual(['s']);
    });

    test('go to others only when the host was silent for long enough', () => {
      const given = standings({ resources: atHome, watchingMs: 1e9 });
      expect(assign({ ...given, members: [stranger, dead(29_999)] }).take).toEqual([]);
      expect(assign({ ...given, members: [stranger, dead(30_000)] }).take).toEqual(['s']);
    });

    test('of a host that was never seen go to others after that time of watching', () => {
      const given = standings({ resources: atHome, members: [stranger] });
      expect(assign({ ...given, watchingMs: 29_999 }).take).toEqual([]);
      expect(assign({ ...given, watchingMs: 30_000 }).take).toEqual(['s']);
    });

    test('are given back when the host is there again, and kept while it only comes and goes', () => {
      const holdings = [{ resource: 's', holder: 'a' }];
      const given = standings({ resources: atHome, holdings, watchingMs: 1e9 });
      const home: Member = { id: 'b', host: 'h1', silentMs: -1 };
      expect(assign({ ...given, members: [stranger, home] }).release).toEqual(['s']);
      expect(assign({ ...given, members: [stranger, dead(5)] })).toEqual({
        take: [],
        maxNew: 0,
        release: [],
      });
    });
  });

  test('only members that serve a group hold its resources', () => {
    const slots: Resource[] = ['orders', 'emails'].flatMap((group) =>
      [1, 2].map((n) => ({ name: `${group}#${n}`, group })),
    );
    const given = standings({
      resources: slots,
      members: [
        { id: 'a', host: 'h', silentMs: -1, serves: ['orders'] },
        { id: 'b', host: 'h', silentMs: -1 },
      ],
    });
    expect(assign(given).take).toEqual(['orders#1', 'orders#2']);
    expect(assign({ ...given, me: 'b' }).take).toContain('emails#1');
    const wrong = [{ resource: 'emails#1', holder: 'a' }];
    expect(assign({ ...given, holdings: wrong }).release).toEqual(['emails#1']);
  });

  test('a member with resources of its own kind gets no less of the common ones, and no member of another kind takes them', () => {
    const given = standings({ resources: [...resources(4), { name: 'upkeep', isApart: true }] });
    const held = (holder: string) => {
      const { holdings } = settle({ ...given, holdings: [{ resource: 'upkeep', holder }] });
      return ['a', 'b'].map((id) => holdings.filter((one) => one.holder === id).length);
    };
    expect(held('a')).toEqual([3, 2]);
    expect(held('a mover')).toEqual([2, 2]);
  });

  test('from any beginning all resources are held once, in fair shares, and then nothing moves any more', () => {
    const anything = fc.record({
      count: fc.integer({ min: 0, max: 40 }),
      alive: fc.integer({ min: 1, max: 7 }),
      dead: fc.integer({ min: 0, max: 2 }),
      holders: fc.array(fc.integer({ min: -1, max: 6 }), { maxLength: 40 }),
    });
    fc.assert(
      fc.property(anything, ({ count, alive, dead, holders }) => {
        const there = Array.from({ length: alive }, (_, n) => `m${n}`);
        const given = standings({
          resources: resources(count),
          members: [
            ...members(...there),
            ...Array.from({ length: dead }, (_, n) => ({ id: `dead${n}`, host: 'd', silentMs: 5 })),
          ],
          holdings: holders
            .slice(0, count)
            .flatMap((m, n) => (m >= 0 && m < alive ? [{ resource: `r${n}`, holder: `m${m}` }] : [])),
        });
        const { holdings } = settle(given);
        expect(holdings.map(({ resource }) => resource).sort()).toEqual(
          given.resources.map(({ name }) => name).sort(),
        );
        const counts = there.map((id) => holdings.filter(({ holder }) => holder === id).length);
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
        expect(settle({ ...given, holdings }).moves).toBe(0);
      }),
    );
  });

  test('when a member dies only its resources move', () => {
    const before = settle(standings({ resources: resources(9), members: members('a', 'b', 'c') })).holdings;
    const left = before.filter(({ holder }) => holder !== 'c');
    const { holdings, moves } = settle(
      standings({ resources: resources(9), members: members('a', 'b'), holdings: left }),
    );
    expect(moves).toBe(3);
    expect(holdings).toEqual(expect.arrayContaining(left));
  });
});
