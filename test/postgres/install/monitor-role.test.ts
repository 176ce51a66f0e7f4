// A role with nothing but PgQ's role for those who look: enough for `lag`, `shards`, `check` and exporters, and for nothing else.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { identifier } from '../../../src/postgres/quote.ts';
import { givenFile } from '../../support/installation/config-file.ts';
import { fileFor, givenCluster, givenEvents } from '../../support/installation/installation.ts';
import { run } from '../../support/processes/run-cli.ts';
import type { TestDatabase } from '../../support/server/database.ts';
import { givenRole, type TestRole } from '../../support/server/roles.ts';

const QUEUES = '  orders: { create: true, workers: 1, handler: ./write.mjs }';

/** An installation with three events that nobody moved, and its file as another role's. */
async function given() {
  const cluster = await givenCluster();
  const [shard] = cluster.shards as [TestDatabase];
  const role = await givenRole([cluster.central, shard]);
  const others = { 'write.mjs': 'export default { event() {} };' };
  const file = givenFile(fileFor(cluster, { queues: QUEUES }), { others });
  expect((await run(['-c', file, 'install'])).code).toBe(0);
  await givenEvents(shard, 'orders', 3);
  await shard.query("select pgq.ticker('orders')");
  return { ...cluster, file, role, theirs: givenFile(asRole(file, role), { others }) };
}

const asRole = (file: string, { name, password }: TestRole): string =>
  readFileSync(file, 'utf8').replace(/postgres(ql)?:\/\/[^@/]*@/g, `postgresql://${name}:${password}@`);

describe('a role that only looks', () => {
  test('reads all that `lag`, `shards`, `check`, `doctor`, `trace` and exporters ask, and may change nothing', async () => {
    const { central, shards: databases, theirs, role } = await given();
    const [shard] = databases as [TestDatabase];
    for (const database of [central, shard])
      await database.query(`grant pgq_reader to ${identifier(role.name)}`);

    const lag = await run(['-c', theirs, 'lag', '--live', '--json']);
    expect(lag.stderr).toBe('');
    expect(JSON.parse(lag.stdout)).toMatchObject({
      sources: [{ shard: 's1', state: 'unassigned', events_behind: 3 }],
      central: [{ queue: 'orders', workers_wanted: 1, retrying: 0, dead: 0 }],
    });

    const shards = await run(['-c', theirs, 'shards', '--json']);
    expect(shards).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(shards.stdout).shards).toMatchObject([{ name: 's1', state: 'unassigned' }]);

    const check = await run(['-c', theirs, 'check', '--json']);
    expect(JSON.parse(check.stdout)).toMatchObject({
      problems: [],
      databases: [
        { missing_privileges: [], warnings: [expect.stringContaining('may look and not move')] },
        {},
      ],
    });
    expect(check.code).toBe(0);

    const doctor = await run(['-c', theirs, 'doctor', '--json']);
    expect(doctor).toMatchObject({ code: 3, stderr: '' });
    expect(JSON.parse(doctor.stdout)).toMatchObject({
      diagnoses: expect.arrayContaining([
        expect.objectContaining({ cause: 'no-mover', names: ['s1:orders'] }),
      ]),
      unasked: [],
    });

    // An event on its shard, and one on central: of every table that is read.
    await central.query("select pgq.insert_event('orders', 'made', '{}')");
    await central.query("select pgq.ticker('orders')");
    const [event] = await shard.query<{ id: number }>(
      "select pgq.insert_event('orders', 'made', '{}') as id",
    );
    for (const args of [[`s1:orders:${event?.id}`], ['--key', '{}']]) {
      const trace = await run(['-c', theirs, 'trace', ...args, '--json']);
      expect(trace).toMatchObject({ code: 0, stderr: '' });
      expect(JSON.parse(trace.stdout)).toMatchObject({ state: 'waiting', notes: [] });
    }

    const tables = await central.query<{ name: string }>(
      `select c.relname as name from pg_class c
       where c.relnamespace = 'tributary'::regnamespace and c.relkind in ('r', 'v')
         and not (has_table_privilege($1, c.oid, 'select'))`,
      [role.name],
    );
    expect(tables).toEqual([]);

    const scale = await run(['-c', theirs, 'scale', 'orders', '3']);
    expect(scale.code).toBe(2);
    expect(scale.stderr).toContain('permission denied');
    const pause = await run(['-c', theirs, 'pause', '--shard', 's1']);
    expect(pause.code).toBe(2);
    expect(await central.query('select paused_at from tributary.source')).toEqual([{ paused_at: null }]);
  });

  test('without the rights of that role each command names the role', async () => {
    const { theirs } = await given();
    const lag = await run(['-c', theirs, 'lag']);
    expect(lag.code).toBe(2);
    expect(lag.stderr + lag.stdout).toContain('for looking, an administrator grants the role pgq_reader');
    const check = await run(['-c', theirs, 'check']);
    expect(check.code).toBe(3);
    expect(check.stdout).toMatch(/role role_\w+ lacks .*`grant pgq_admin to /);
  });
});
