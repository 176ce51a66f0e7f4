// What is different between two files, what of it a running process refuses, and a Config that is always the newest one.
import { describe, expect, test } from 'vitest';
import { changesBetween, isNoChange, restartNeeded } from '../../../src/config/changes.ts';
import { liveConfig } from '../../../src/config/live-config.ts';
import { givenConfig } from '../../support/installation/config-file.ts';

const FILE = `
central: postgresql://boss@central/events
shards:
  - postgresql://db1/a
  - postgresql://db1/b
queues:
  orders: { workers: 0 }
  emails: { workers: none }
`;

describe('changes of the file', () => {
  test('nothing, shards, queues, numbers and other settings', () => {
    const before = givenConfig(FILE);
    expect(isNoChange(changesBetween(before, givenConfig(`# other bytes\n${FILE}`)))).toBe(true);
    const after = givenConfig(
      FILE.replace('  - postgresql://db1/a\n', '')
        .replace('db1/b', 'db2/b')
        .replace('workers: 0 }', 'workers: none, backlog: 1GB }\n  more: {}')
        .concat('mover: { memory: 64MB }\n'),
    );
    const changes = changesBetween(before, after);
    expect(changes).toEqual({
      shards: { added: [], removed: ['a'], changed: ['b'] },
      queues: { added: ['more'], removed: [], changed: ['orders'] },
      numbers: ['orders'],
      groups: [],
      lanes: [],
      others: ['mover'],
      hasOtherDuties: true,
    });
    expect(isNoChange(changes)).toBe(false);
  });

  test('groups that are new in a queue, and their numbers', () => {
    const grouped = (groups: string) => givenConfig(FILE.replace('workers: 0 }', `groups: { ${groups} } }`));
    const [before, after] = [grouped('a: { workers: 0 }'), grouped('a: {}, b: { workers: 0 }')];
    expect(changesBetween(before, after)).toMatchObject({ numbers: [], groups: ['orders/b'] });
    expect(changesBetween(givenConfig(FILE), before)).toMatchObject({
      numbers: ['orders'],
      groups: ['orders/a'],
    });
  });

  test('lanes that are others: more of them, of another key, the first ones, none; of all groups of a queue', () => {
    const lanesOf = (orders: string) => givenConfig(FILE.replace('workers: 0', `workers: 0${orders}`));
    const [none, four, eight, other] = ['', ', key: a, lanes: 4', ', key: a, lanes: 8', ', key: b, lanes: 4'];
    for (const [from, to] of [
      [none, four],
      [four, eight],
      [four, other],
      [four, none],
    ] as const)
      expect(changesBetween(lanesOf(from), lanesOf(to))).toMatchObject({ lanes: ['orders'] });
    expect(changesBetween(lanesOf(four), lanesOf(four))).toMatchObject({ lanes: [] });
    const grouped = (lanes: number) =>
      givenConfig(
        FILE.replace(
          'workers: 0',
          `groups: { a: { workers: 0 }, b: { workers: 0 } }, key: a, lanes: ${lanes}`,
        ),
      );
    expect(changesBetween(grouped(2), grouped(3))).toMatchObject({ lanes: ['orders/a', 'orders/b'] });
  });

  test('what is fixed at the start of a process names the restart', () => {
    const before = givenConfig(FILE);
    expect(restartNeeded(before, givenConfig(FILE.replace('  - postgresql://db1/a\n', '')))).toEqual([]);
    for (const [text, what] of [
      [FILE.replace('@central', '@other'), '`central`'],
      [`name: shop\n${FILE}`, '`name`'],
      [`http: { listen: ':7717' }\n${FILE}`, '`http`'],
    ] as const) {
      const [sentence, ...more] = restartNeeded(before, givenConfig(text));
      expect(more).toEqual([]);
      expect(sentence?.startsWith(what)).toBe(true);
      expect(sentence).toMatch(/cannot change while a process runs: restart it/);
    }
  });

  test('a live one shows the newest, also spread into another', () => {
    let now = givenConfig(FILE);
    const live = liveConfig(() => now);
    const { queues } = live;
    now = givenConfig(FILE.replace('  - postgresql://db1/a\n', ''));
    expect(live.shards.map(({ name }) => name)).toEqual(['b']);
    expect({ ...live, queues: [] }).toMatchObject({ name: 'tributary', shards: now.shards, queues: [] });
    expect('http' in live).toBe(false);
    expect(queues).toHaveLength(2);
    expect(() => Object.assign(live, { name: 'x' })).toThrow();
  });
});
