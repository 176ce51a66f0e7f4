// The house rules that a compiler does not know: who may import whom, and how long a file may be.
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { filesIn, type Import, importsOf } from '../../support/pages/source-tree.ts';

/** A room may import rooms of an earlier level or of its own, never of a later one. */
const LEVELS = [
  ['errors'],
  ['lifecycle'],
  ['config', 'postgres', 'embedded'],
  ['queue'],
  ['shards', 'central', 'channels', 'handler', 'producer', 'spool', 'coordination', 'upkeep', 'fleet'],
  ['delays', 'schedules', 'duties', 'apply'],
  ['workers', 'mover', 'install', 'proof'],
  ['succession', 'observability'],
  ['http', 'compare'],
  ['page'],
  ['cli'],
];
const DRIVERS = ['pg', 'pg-pool', 'pg-copy-streams'];
const ON_AN_EVENTS_WAY = ['mover', 'shards', 'central', 'queue', 'workers'];
const MAX_LINES = 300;
/** The wall clock may be set back at any moment: no duration is measured by it. Where what it says is wanted: */
const WALL_CLOCK: Readonly<Record<string, string>> = {
  'src/observability/lag/read-central.ts': 'the time at which figures are shown, where central did not say',
  'src/install/facts/database.ts': 'how far a server’s clock is from ours',
  'src/observability/doctor/read-database.ts': 'the same, to compare the clocks of servers',
  'src/coordination/clock-difference.ts': 'how far the clock of a host is from central’s',
  'src/http/server/session.ts':
    'a session ends at a time of day, for all hosts and after restarts; a clock that is set back costs or gives a login',
  'src/channels/signed.ts': 'a signed channel ends at a time of day, for all hosts',
  'src/http/live/streams.ts': 'the same',
  'src/spool/writer.ts': 'when an event was spooled, to show how long it waits',
  'src/spool/delivered.ts': 'how long ago a writer was delivered last, in days',
  'src/spool/waiting.ts': 'how long the oldest event has waited',
  'src/cli/commands/spool/status.ts': 'how long the oldest event waits',
  'src/producer/event.ts': 'a producer gives a time of day at which an event is due',
  'src/workers/child/call/call-context.ts': 'a handler gives a time of day until which an event is put off',
};

const sources = [...filesIn('src', '.ts'), ...filesIn('src', '.tsx')];
const imports = sources.flatMap(importsOf);
const between = imports.filter(
  ({ from, to }) => roomOf(from) !== undefined && roomOf(to) !== undefined && roomOf(from) !== roomOf(to),
);

describe('house', () => {
  test('the parser sees the imports', () => {
    expect(between.length).toBeGreaterThan(50);
    expect(imports.filter(({ to }) => to === 'pg')).not.toEqual([]);
  });

  test('every room has a level', () => {
    const rooms = new Set(sources.map(({ path }) => roomOf(path)).filter((room) => room !== undefined));
    expect([...rooms].filter((room) => levelOf(room) === -1)).toEqual([]);
  });

  test('no room imports a room of a later level', () => {
    const wrong = between.filter(({ from, to }) => levelOf(roomOf(to)) > levelOf(roomOf(from)));
    expect(wrong.map(asText)).toEqual([]);
  });

  test('rooms import each other in one direction only', () => {
    const edges = new Map<string, Set<string>>();
    for (const { from, to } of between) {
      const room = roomOf(from) as string;
      edges.set(room, (edges.get(room) ?? new Set()).add(roomOf(to) as string));
    }
    expect(cyclesIn(edges)).toEqual([]);
  });

  test('only the room postgres imports the driver', () => {
    const wrong = imports.filter(({ from, to }) => DRIVERS.includes(to) && roomOf(from) !== 'postgres');
    expect(wrong.map(asText)).toEqual([]);
  });

  test('only the demo imports the embedded server', () => {
    const wrong = between.filter(
      ({ from, to }) => roomOf(to) === 'embedded' && !/^src\/cli\/demo/.test(from),
    );
    expect(wrong.map(asText)).toEqual([]);
  });

  test('the page imports nothing but types of what the server says, and nothing imports the page', () => {
    const [named, others] = [
      /^import type [^;]*? from '(\.\.\/[^']+)';$/gm,
      /^src\/(http\/dashboard|observability\/trace)\//,
    ];
    const types = new Set(
      sources.flatMap((file) =>
        [...file.text.matchAll(named)].map(
          ([, to]) => `${file.path} ${normalize(join(dirname(file.path), to ?? ''))}`,
        ),
      ),
    );
    const ofThePage = between.filter(({ from }) => roomOf(from) === 'page');
    expect(ofThePage.length).toBeGreaterThan(1);
    expect(
      ofThePage.filter(({ from, to }) => !others.test(to) || !types.has(`${from} ${to}`)).map(asText),
    ).toEqual([]);
    expect(between.filter(({ to }) => roomOf(to) === 'page').map(asText)).toEqual([]);
  });

  test('the worker processes and their primary share nothing but the protocol and the last call', () => {
    const usedBy = (side: string) =>
      new Set(
        imports
          .filter(({ from, to }) => from.startsWith(`src/workers/${side}/`) && to.startsWith('src/workers/'))
          .map(({ to }) => to),
      );
    const [primary, child] = [usedBy('primary'), usedBy('child')];
    expect([...primary].filter((path) => path.startsWith('src/workers/child/'))).toEqual([]);
    expect([...child].filter((path) => path.startsWith('src/workers/primary/'))).toEqual([]);
    const shared = [...primary].filter((path) => child.has(path)).sort();
    expect(shared).toEqual(['src/workers/call-record.ts', 'src/workers/protocol.ts']);
  });

  test('nothing on the way of events imports what observes it', () => {
    const wrong = between.filter(
      ({ from, to }) => ON_AN_EVENTS_WAY.includes(roomOf(from) as string) && roomOf(to) === 'observability',
    );
    expect(wrong.map(asText)).toEqual([]);
  });

  test('durations are measured by the monotonic clock', () => {
    const users = sources.filter(({ text }) => text.includes('Date.now(')).map(({ path }) => path);
    expect(users.sort()).toEqual(Object.keys(WALL_CLOCK).sort());
  });

  // What another file has loaded already would not be replaced, and a module's hook would be run after one file alone.
  test('test files, which share a process, replace no module, and helpers leave hooks to after-file.setup.ts', () => {
    const named = (folder: string, what: RegExp) =>
      filesIn(folder, '.ts').flatMap(({ path, text }) => (what.test(text) ? [path] : []));
    expect(named('test', /\bvi\.(mock|doMock|hoisted)\(/)).toEqual([]);
    expect(named('test/support', /^(before|after)(All|Each)\(/m)).toEqual([
      'test/support/after-file.setup.ts',
    ]);
  });

  test('the long test files that begin first exist', () => {
    const [order] = filesIn('test/support', 'file-order.ts');
    const long = [...(order?.text ?? '').matchAll(/'((?:scenario|postgres)\/\S+)'/g)].map(
      ([, name]) => `test/${name}.test.ts`,
    );
    expect(long.length).toBeGreaterThan(10);
    const tests = new Set(filesIn('test', '.test.ts').map(({ path }) => path));
    expect(long.filter((path) => !tests.has(path))).toEqual([]);
  });

  test(`no file of src or sql is longer than ${MAX_LINES} lines`, () => {
    const long = [...sources, ...filesIn('sql', '.sql')]
      .map(({ path, text }) => ({ path, lines: text.trimEnd().split('\n').length }))
      .filter(({ lines }) => lines > MAX_LINES);
    expect(long).toEqual([]);
  });
});

/** The folder of src that a path is in; undefined for packages and for what users import. */
function roomOf(path: string): string | undefined {
  return /^src\/([^/]+)\//.exec(path)?.[1];
}

function levelOf(room: string | undefined): number {
  return LEVELS.findIndex((rooms) => rooms.includes(room ?? ''));
}

const asText = ({ from, to }: Import) => `${from} imports ${to}`;

/** Rooms that can be reached from themselves. */
function cyclesIn(edges: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  return [...edges.keys()].filter((start) => {
    const seen = new Set<string>();
    const open = [...(edges.get(start) ?? [])];
    for (let room = open.pop(); room !== undefined; room = open.pop()) {
      if (room === start) return true;
      if (!seen.has(room)) open.push(...(edges.get(room) ?? []));
      seen.add(room);
    }
    return false;
  });
}
