import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Resource } from '../../../src/coordination/assignment.ts';
import { LeaseKeeper, type LeaseKeeperOptions } from '../../../src/coordination/keeper.ts';
import { TIMING } from '../../../src/lifecycle/timing.ts';
import { Connection } from '../../../src/postgres/connection.ts';
import { givenCentral } from '../../support/server/central-schema.ts';
import type { TestDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';

const TTL_MS = 1_500;
const BEAT_MS = 100;

let db: TestDatabase;
const keepers: Given[] = [];

interface Given {
  readonly keeper: LeaseKeeper;
  readonly id: string;
  readonly occurred: string[];
  readonly connections: Connection[];
  readonly ended: Promise<void>;
  resources: Resource[];
  /** What onRelease waits for. */
  work: Promise<void>;
  /** False: central cannot be reached any more. */
  reachable: boolean;
}

const slots = (...names: string[]): Resource[] => names.map((name) => ({ name }));

beforeEach(async () => {
  db = await givenCentral();
});

afterEach(async () => {
  await Promise.all(
    keepers.splice(0).map((given) => {
      given.reachable = true;
      return given.keeper.stop();
    }),
  );
});

function givenKeeper(
  resources: Resource[],
  options: Partial<LeaseKeeperOptions> & { host?: string } = {},
): Given {
  const id = randomUUID();
  const occurred: string[] = [];
  const connections: Connection[] = [];
  const given = { id, occurred, connections, resources, work: Promise.resolve(), reachable: true } as Given;
  const keeper = new LeaseKeeper({
    member: { id, kind: 'work', host: options.host ?? 'h1', version: '1.2.3', fileHash: () => 'abc' },
    open: async () => {
      if (!given.reachable) throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
      const connection = await Connection.open(db.database, { applicationName: `keeper ${id}` });
      connections.push(connection);
      return connection;
    },
    resources: () => given.resources,
    ttlMs: TTL_MS,
    adoptAfterMs: () => TTL_MS,
    beatMs: BEAT_MS,
    onTaken: ({ resource, epoch }) => occurred.push(`taken ${resource} ${epoch}`),
    onRelease: async ({ resource }) => {
      occurred.push(`release ${resource}`);
      await given.work;
      occurred.push(`released ${resource}`);
    },
    onLost: ({ resource }, reason) => occurred.push(`lost ${resource} ${reason}`),
    ...options,
  });
  const all = Object.assign(given, { keeper, ended: keeper.run() });
  keepers.push(all);
  return all;
}

const heldBy = ({ keeper }: Given) => keeper.held.map(({ resource }) => resource).sort();
const untilHeld = (given: Given, count: number) =>
  until(() => given.keeper.held.length === count, { what: `${count} leases` });
const onServer = () =>
  db.query<{ resource: string; holder: string }>(
    'select resource, holder::text from tributary.lease where is_held order by resource',
  );

describe('coordination/keeper', () => {
  test('takes all free leases at once, and releases them when it is stopped', async () => {
    const a = givenKeeper(slots('s1', 's2'));
    await untilHeld(a, 2);
    expect(a.occurred).toEqual(['taken s1 1', 'taken s2 1']);
    expect(a.keeper.holds('s1')).toBe(true);
    const [member] = await db.query('select kind, host, version, file_hash, pid from tributary.member');
    expect(member).toEqual({
      kind: 'work',
      host: 'h1',
      version: '1.2.3',
      file_hash: 'abc',
      pid: process.pid,
    });
    await a.keeper.stop();
    await a.ended;
    expect(a.occurred.slice(2)).toEqual(['release s1', 'release s2', 'released s1', 'released s2']);
    expect(await onServer()).toEqual([]);
    expect(a.keeper.holds('s1')).toBe(false);
  });

  test('two members share, and a lease goes to the other only when the work under it has ended', async () => {
    const a = givenKeeper(slots('s1', 's2', 's3', 's4'));
    await untilHeld(a, 4);
    let end = () => {};
    a.work = new Promise((resolve) => {
      end = resolve;
    });
    const b = givenKeeper(slots('s1', 's2', 's3', 's4'));
    await until(() => a.occurred.includes('release s4'), { what: 'the first to begin to let go' });
    expect(heldBy(b)).toEqual([]);
    end();
    await untilHeld(b, 2);
    expect([heldBy(a), heldBy(b)]).toEqual([
      ['s1', 's2'],
      ['s3', 's4'],
    ]);
    await a.keeper.stop();
    await untilHeld(b, 4);
  });

  test('a slot beyond the size of the pool is released, a new one is taken', async () => {
    const a = givenKeeper(slots('s1', 's2'));
    await untilHeld(a, 2);
    a.resources = slots('s1', 's3', 's4');
    await until(() => heldBy(a).join() === 's1,s3,s4', { what: 'the new slots' });
    expect(a.occurred).toContain('released s2');
  });

  test('a broken connection costs nothing if the next one comes in time', async () => {
    const a = givenKeeper(slots('s1'));
    await untilHeld(a, 1);
    await db.query('select pg_terminate_backend($1)', [a.connections[0]?.backendPid]);
    await until(() => a.connections.length === 2, { what: 'a new connection' });
    await until(() => (a.keeper.silentMs ?? Number.NaN) < BEAT_MS, { what: 'a beat over it' });
    expect(a.occurred).toEqual(['taken s1 1']);
  });

  test('without central a member stops trusting its lease before the lease expires, and gets it back as a new term', async () => {
    const a = givenKeeper(slots('s1'));
    await untilHeld(a, 1);
    a.reachable = false;
    a.connections.at(-1)?.destroy();
    await until(() => a.occurred.includes('lost s1 ran-out'), { what: 'trust to run out' });
    expect(await onServer()).toEqual([{ resource: 's1', holder: a.id }]);
    expect(a.keeper.holds('s1')).toBe(false);
    await until(async () => (await onServer()).length === 0, { what: 'the lease to run out' });
    a.reachable = true;
    await untilHeld(a, 1);
    expect(a.occurred).toEqual(['taken s1 1', 'lost s1 ran-out', 'taken s1 2']);
  });

  test('a dead neighbour’s leases are taken over and its backend is ended', async () => {
    const a = givenKeeper(slots('s1', 's2'));
    await untilHeld(a, 2);
    const b = givenKeeper(slots('s1', 's2'));
    await until(() => heldBy(b).length === 1, { what: 'a share for the second' });
    a.reachable = false;
    // It holds its socket open and says nothing more, like a stopped process.
    const silent = a.connections.at(-1) as Connection;
    const backend = silent.backendPid;
    await db.query("update tributary.member set until = now() - interval '1 minute' where id = $1", [a.id]);
    silent.query = () => silent.closed.then((error) => Promise.reject(error)) as never;
    await untilHeld(b, 2);
    await until(
      async () => (await db.query('select from pg_stat_activity where pid = $1', [backend])).length === 0,
      { what: 'its backend to end' },
    );
    await until(() => a.occurred.some((what) => what.startsWith('lost')), { what: 'the dead one to notice' });
  });

  test('shards of a host that is silent go to another host, and back when it returns', async () => {
    const shards: Resource[] = [
      { name: 'shard:x', home: 'h1' },
      { name: 'shard:y', home: 'h2' },
    ];
    const a = givenKeeper(shards, { host: 'h1' });
    await untilHeld(a, 1);
    expect(heldBy(a)).toEqual(['shard:x']);
    await untilHeld(a, 2);
    const b = givenKeeper(shards, { host: 'h2' });
    await untilHeld(b, 1);
    expect([heldBy(a), heldBy(b)]).toEqual([['shard:x'], ['shard:y']]);
  });

  test('sends one statement with each beat, and beats once a second while nothing changes hands', async () => {
    const statements: { name: string; atMs: number }[] = [];
    const a = givenKeeper(slots('s1'), {
      ttlMs: TIMING.leases.leaseMs,
      open: async () => {
        const connection = await db.connect();
        const query = connection.query.bind(connection);
        connection.query = (async (text: string, ...rest: []) => {
          statements.push({ name: /tributary\.(\w+)/.exec(text)?.[1] ?? text, atMs: performance.now() });
          return await query(text, ...rest);
        }) as never;
        return connection;
      },
    });
    await untilHeld(a, 1);
    await until(() => (gaps(statements).at(-1) ?? 0) >= TIMING.leases.beatMs - 50, {
      what: 'beats a second apart',
    });
    expect(new Set(statements.map(({ name }) => name))).toEqual(new Set(['member_beat']));
    const calm = statements.length;
    a.keeper.hurry();
    await until(() => statements.length >= calm + 3, { what: 'beats that follow' });
    expect(Math.min(...gaps(statements.slice(calm)))).toBeLessThan(TIMING.leases.beatMs / 2);
  });
});

/** Ms between each and the next. */
const gaps = (beats: readonly { readonly atMs: number }[]): number[] =>
  beats.slice(1).map(({ atMs }, n) => atMs - (beats[n]?.atMs ?? 0));
