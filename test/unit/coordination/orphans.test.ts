import { describe, expect, test } from 'vitest';
import { assign, type Holding, type Member, type Resource } from '../../../src/coordination/assignment.ts';
import { Orphans } from '../../../src/coordination/orphans.ts';

const ADOPT_AFTER_MS = 30_000;
const SHARDS = ['s1', 's2', 's3'];

interface Mover {
  readonly id: string;
  readonly resources: readonly Resource[];
  readonly orphans: Orphans;
  readonly putsOff?: readonly string[];
}

const UPKEEP: Resource = { name: 'upkeep', isApart: true };

const mover = (id: string, shards: readonly string[], more: readonly Resource[] = []): Mover => ({
  id,
  resources: [...shards.map((name) => ({ name, home: 'h1' })), ...more],
  orphans: new Orphans(),
});

/** Each looks and acts once a second, for so many seconds; who holds what at the end of each. */
function live(movers: readonly Mover[], seconds: number, hostOf: (id: string) => string = () => 'h1') {
  const members: Member[] = movers.map(({ id, putsOff = [] }) => ({
    ...{ id, host: hostOf(id), silentMs: -1, putsOff },
  }));
  let holdings: Holding[] = [];
  const history: Record<string, string>[] = [];
  for (let second = 0; second < seconds; second += 1) {
    for (const { id, resources, orphans } of movers) {
      const nowMs = second * 1_000;
      const standings = { me: id, resources, members, holdings, adoptAfterMs: ADOPT_AFTER_MS };
      orphans.look({ ...standings, nowMs });
      const plan = assign({ ...standings, watchingMs: nowMs, orphans });
      const kept = holdings.filter((one) => one.holder !== id || !plan.release.includes(one.resource));
      const free = plan.take.filter((name) => !kept.some(({ resource }) => resource === name));
      const taken = free.slice(0, plan.maxNew);
      for (const name of taken) orphans.taken(name);
      holdings = [...kept, ...taken.map((resource) => ({ resource, holder: id }))];
    }
    history.push(Object.fromEntries(holdings.map(({ resource, holder }) => [resource, holder])));
  }
  return history;
}

describe('coordination/orphans', () => {
  test.each([
    ['a shard more', [mover('a', ['s1'], [UPKEEP]), mover('b', ['s1', 's2'], [UPKEEP])]],
    ['two shards more, elder last', [mover('a', SHARDS, [UPKEEP]), mover('b', ['s1'], [UPKEEP])]],
    ['different ones', [mover('a', ['s1', 's2'], [UPKEEP]), mover('b', ['s2', 's3'], [UPKEEP])]],
    ['three files', [mover('a', ['s1']), mover('b', ['s1', 's2']), mover('c', SHARDS, [UPKEEP])]],
  ])(
    'whatever the files say, all shards are held in the end, and nothing moves any more: %s',
    (_, movers) => {
      const names = new Set(movers.flatMap(({ resources }) => resources.map(({ name }) => name)));
      const history = live(movers, 200);
      expect(Object.keys(history.at(-1) ?? {}).sort()).toEqual([...names].sort());
      for (const then of history.slice(100)) expect(then).toEqual(history.at(-1));
    },
  );

  test('a shard that its own host’s mover does not know is moved by another host’s', () => {
    const movers = [mover('a', ['s1']), mover('b', ['s1', 's2'])];
    const history = live(movers, 200, (id) => (id === 'a' ? 'h1' : 'h2'));
    expect(history.at(-1)).toEqual({ s1: 'a', s2: 'b' });
    for (const then of history.slice(100)) expect(then).toEqual(history.at(-1));
  });

  test('adopted shards count for ordinary shares when another member joins', () => {
    const orphans = new Orphans();
    const resources: Resource[] = [{ name: 's1' }];
    const look = (members: Member[], holdings: Holding[], nowMs: number) =>
      orphans.look({ me: 'a', resources, members, holdings, adoptAfterMs: ADOPT_AFTER_MS, nowMs });
    const a: Member = { id: 'a', host: 'h1', silentMs: -1 };
    look([a], [], 0);
    expect([...orphans.free]).toEqual([]);
    look([a], [], 30_001);
    expect([...orphans.free]).toEqual(['s1']);
    orphans.taken('s1');
    look([a], [{ resource: 's1', holder: 'a' }], 31_000);
    expect([...orphans.adopted]).toEqual(['s1']);
    look([a, { ...a, id: 'b' }], [{ resource: 's1', holder: 'a' }], 32_000);
    expect([...orphans.adopted]).toEqual([]);
  });

  test('a shard that its member puts off goes at once to one that can move it; where nobody can, it is tried now and then', () => {
    const old: Mover = { ...mover('a', ['s1', 's2']), putsOff: ['s1'] };
    for (const hostOf of [() => 'h1', (id: string) => (id === 'a' ? 'h1' : 'h2')]) {
      const [first, ...later] = live([old, mover('b', ['s1', 's2'])], 40, hostOf).slice(31);
      expect(first).toEqual({ s1: 'b', s2: 'a' });
      for (const then of later) expect(then).toEqual(first);
    }
    const tries = live([{ ...mover('a', ['s1']), putsOff: ['s1'] }], 100);
    expect(tries.flatMap((then, second) => (then.s1 === undefined ? [] : [second]))).toEqual([31, 64, 97]);
  });

  test('one that was adopted and let go of is shared like any other afterwards', () => {
    const orphans = new Orphans();
    const given = { me: 'a', resources: [{ name: 's1' }], adoptAfterMs: ADOPT_AFTER_MS };
    const members: Member[] = ['a', 'b'].map((id) => ({ id, host: 'h1', silentMs: -1 }));
    const look = (holdings: Holding[], nowMs: number) => orphans.look({ ...given, members, holdings, nowMs });
    look([], 0);
    look([], 30_001);
    orphans.taken('s1');
    look([{ resource: 's1', holder: 'a' }], 31_000);
    look([{ resource: 's1', holder: 'b' }], 32_000);
    expect([...orphans.adopted]).toEqual([]);
  });

  test('slots of groups are no orphans', () => {
    const orphans = new Orphans();
    const look = (nowMs: number) =>
      orphans.look({
        me: 'a',
        resources: [{ name: 'orders#1', group: 'orders' }],
        members: [{ id: 'a', host: 'h1', silentMs: -1 }],
        holdings: [],
        adoptAfterMs: 0,
        nowMs,
      });
    look(0);
    look(60_000);
    expect([...orphans.free]).toEqual([]);
  });
});
