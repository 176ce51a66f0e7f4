// The house rules within rooms: their sub-rooms in one direction, few files a folder, few imports a file, one name for one thing.
import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { filesIn, importsOf } from '../../support/pages/source-tree.ts';

/** A sub-room may import sub-rooms of an earlier level, never of its own or a later one. Files beside them are free. */
const SUB_ROOMS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  'src/mover': [['source', 'limits'], ['gather'], ['windows'], ['shard', 'repair']],
  'src/workers/child': [
    ['transaction', 'tries'],
    ['reading', 'call'],
    ['groups', 'narrowing'],
    ['batch', 'free'],
  ],
  'src/workers/primary': [['slot']],
  'src/install': [['facts'], ['plan'], ['capture', 'check']],
  'src/lifecycle': [['durations']],
  'src/config': [['url'], ['sections']],
  'src/config/sections': [['queue']],
  'src/central': [
    ['fit', 'logbook'],
    ['commit', 'succession'],
  ],
  'src/observability': [['lag'], ['doctor'], ['metrics'], ['trace']],
  'src/observability/doctor': [['visits']],
  'src/http': [['server'], ['health'], ['live', 'dashboard']],
  'src/page': [['words', 'url'], ['live'], ['parts', 'maps', 'charts'], ['views']],
  'src/apply': [['copy']],
  'src/cli': [['terminal', 'manual'], ['demo'], ['commands']],
  'src/cli/demo': [['shop']],
};
const MAX_FILES = 16;
/** One file per command; migrations are never changed. */
const LARGE_FOLDERS = ['src/cli/commands', 'sql/migrations'];
const MAX_IMPORTS = 20;
/** It lists the commands. */
const MANY_IMPORTS = ['src/cli/program.ts'];
/** Each command exports a function of this name, which lists it. */
const SAME_EVERYWHERE = ['register'];
/** What only tests use, and why it is there. */
const FOR_TESTS: Readonly<Record<string, string>> = {
  armFailPoint: 'fail points are there for tests',
  FAIL_POINTS: 'the catalogue that the map is compared with',
  pieceOf: 'a record as the mover hands it on, for tests of the reading alone',
  OPENS_AFTER: 'compared with what the docs say',
  ERROR_CODES: 'the catalogue that the docs are compared with',
  HALT_CODES: 'the same',
  SQLSTATES: 'the same',
  PILED_TABLES: 'each is tried by itself',
};

const sources = [...filesIn('src', '.ts'), ...filesIn('src', '.tsx')];
const scripts = [...filesIn('scripts', '.ts'), ...filesIn('scripts', '.js')];
const DECLARED =
  /^export (?:declare )?(?:abstract )?(?:async )?(function\*?|class|interface|type|const) (\w+)/gm;
const exported = sources.flatMap(({ path, text }) =>
  [...text.matchAll(DECLARED)].map(([, what, name]) => ({
    path,
    name: name as string,
    what: what as string,
  })),
);

describe('rooms', () => {
  test.each(Object.keys(SUB_ROOMS))('sub-rooms of %s have their level', (room) => {
    const found = new Set(
      sources.flatMap(({ path }) => {
        const sub = subRoomOf(path, room);
        return sub === undefined ? [] : [sub];
      }),
    );
    expect([...found].sort()).toEqual((SUB_ROOMS[room] ?? []).flat().sort());
  });

  test('every room that has sub-rooms is in the table', () => {
    const rooms = new Set(sources.map(({ path }) => dirname(path)));
    const parents = new Set([...rooms].map((path) => dirname(path)).filter((path) => /^src\/./.test(path)));
    const known = new Set(Object.keys(SUB_ROOMS));
    // What one command needs alone, and the two sides of the workers, which a test of their own holds apart.
    const others = ['src/cli/commands', 'src/workers'];
    expect([...parents].filter((path) => !known.has(path) && !others.includes(path))).toEqual([]);
  });

  test.each(Object.entries(SUB_ROOMS))(
    'sub-rooms of %s import each other in one direction only',
    (room, levels) => {
      const levelOf = (sub: string) => levels.findIndex((names) => names.includes(sub));
      const wrong = sources.flatMap(importsOf).filter(({ from, to }) => {
        const [one, other] = [subRoomOf(from, room), subRoomOf(to, room)];
        return one !== undefined && other !== undefined && one !== other && levelOf(other) >= levelOf(one);
      });
      expect(wrong.map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
    },
  );

  test(`no folder has more than ${MAX_FILES} files`, () => {
    const counts = new Map<string, number>();
    for (const { path } of [...sources, ...filesIn('sql', '.sql')])
      counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1);
    const full = [...counts].filter(([path, files]) => files > MAX_FILES && !LARGE_FOLDERS.includes(path));
    expect(full).toEqual([]);
  });

  test(`no file imports more than ${MAX_IMPORTS} others of ours`, () => {
    const many = sources
      .map((source) => ({
        path: source.path,
        imports: importsOf(source).filter(({ to }) => to.startsWith('src/')).length,
      }))
      .filter(({ path, imports }) => imports > MAX_IMPORTS && !MANY_IMPORTS.includes(path));
    expect(many).toEqual([]);
  });

  test('no name is exported twice', () => {
    const places = new Map<string, Set<string>>();
    for (const { name, path } of exported) places.set(name, (places.get(name) ?? new Set()).add(path));
    const twice = [...places].filter(([name, paths]) => paths.size > 1 && !SAME_EVERYWHERE.includes(name));
    expect(twice).toEqual([]);
  });

  test('no export is used by tests alone, or not at all', () => {
    const values = exported.filter(({ what }) => what !== 'interface' && what !== 'type');
    const entries = ['src/index.ts', 'src/producer.ts'];
    const index = sources.flatMap(({ path, text }) => (entries.includes(path) ? [text] : [])).join('\n');
    const unused = values.filter(({ name, path }) => {
      const word = new RegExp(`\\b${name}\\b`);
      return (
        !word.test(index) && ![...sources, ...scripts].some((one) => one.path !== path && word.test(one.text))
      );
    });
    const found = unused.map(({ name }) => name).filter((name) => !SAME_EVERYWHERE.includes(name));
    expect(found.sort()).toEqual(Object.keys(FOR_TESTS).sort());
  });
});

/** The folder inside `room` that a file is in; undefined: beside the folders, or elsewhere. */
function subRoomOf(path: string, room: string): string | undefined {
  if (!path.startsWith(`${room}/`)) return undefined;
  const [sub, rest] = path.slice(room.length + 1).split('/');
  return rest === undefined ? undefined : sub;
}
