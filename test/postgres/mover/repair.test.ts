import { Readable } from 'node:stream';
import { describe, expect, inject, test } from 'vitest';
import { explainRepair, repair } from '../../../src/mover/repair/repair.ts';
import { Connection } from '../../../src/postgres/connection.ts';
import { givenEvents } from '../../support/installation/installation.ts';
import { type Given, givenMover, movedTo, proofOf } from '../../support/mover/mover.ts';
import { run } from '../../support/processes/run-cli.ts';
import { databaseOn } from '../../support/server/template.ts';
import { until } from '../../support/until.ts';

async function moveAll(given: Given, count: number): Promise<void> {
  const { mover, ended } = given.start();
  await until(async () => (await movedTo(given, 'orders')) === count, { what: `${count} orders` });
  await mover.stop();
  await ended;
}

async function asAdmin(work: (admin: Connection) => Promise<unknown>): Promise<void> {
  const admin = await Connection.open(databaseOn(inject('server'), 'postgres'), { applicationName: 'test' });
  await work(admin);
  await admin.close();
}

/** A shard that was restored to before its last five events, and has gone on otherwise since. */
async function givenRestoredShard(): Promise<Given> {
  const given = await givenMover({ shards: 1 });
  const [one] = given.cluster.shards as [typeof given.cluster.central];
  await givenEvents(one, 'orders', 10);
  await moveAll(given, 10);
  const kick = `select pg_terminate_backend(pid) from pg_stat_activity where datname = $1`;
  await asAdmin(async (admin) => {
    await admin.query(kick, [one.name]);
    await admin.query(`create database ${one.name}_old template ${one.name}`);
  });
  await givenEvents(one, 'orders', 5);
  await moveAll(given, 15);
  await asAdmin(async (admin) => {
    await admin.query(`drop database ${one.name} with (force)`);
    await admin.query(`alter database ${one.name}_old rename to ${one.name}`);
  });
  await givenEvents(one, 'orders', 7);
  await one.query(`select pgq.ticker('orders')`);
  await haltDiverged(given);
  return given;
}

/** Runs a mover until it has found out. */
async function haltDiverged(given: Given): Promise<void> {
  const { mover, ended } = given.start();
  await until(
    async () =>
      (
        await given.cluster.central.query(
          `select from tributary.source where state = 'halted' and halt_code = 'diverged'`,
        )
      ).length === 1,
    { what: 'the source to halt' },
  );
  await mover.stop();
  await ended;
}

async function connected(given: Given) {
  const [one] = given.cluster.shards as [typeof given.cluster.central];
  return { central: await given.cluster.central.connect(), shard: await one.connect() };
}

/** Who repairs; it is noted in the logbook. */
const OPERATOR = { who: 'ann@db01', via: 'cli' } as const;

const targetOf = ({ config }: Given) => ({
  config,
  shard: config.shards[0] as (typeof config.shards)[number],
  queue: 'orders',
});

describe('mover/repair/repair', () => {
  test('rewind goes back to the tick that both know and moves what central does not hold', async () => {
    const given = await givenRestoredShard();
    const connections = await connected(given);
    const ways = await explainRepair(targetOf(given), connections);
    expect(ways.map(({ choice, moves, leavesOut }) => [choice, moves, leavesOut])).toEqual([
      ['rewind', 7, 0],
      ['skip', 0, 17],
      ['take-over', 17, 0],
    ]);
    expect(
      await repair(targetOf(given), connections, { choice: 'rewind', operator: OPERATOR }),
    ).toMatchObject({
      choice: 'rewind',
      moves: 7,
    });
    const [one] = given.cluster.shards as [typeof given.cluster.central];
    await givenEvents(one, 'orders', 3);
    await moveAll(given, 25);
    const proof = await proofOf(given, 'orders');
    expect(proof.lost).toEqual([]);
    // The five events of the lost branch and the five that took their ids are both there.
    expect(proof.twice).toHaveLength(5);
  });

  test('rewind of a source with routes leaves out what any of its queues holds, and moves the rest where routes say', async () => {
    const given = await givenMover({
      shards: 1,
      queues: `  even: { workers: none, create: true, from: orders, where: "ev_data::int % 2 = 0" }\n  orders: { workers: none }`,
      more: 'routes: { orders: first }',
    });
    const [one] = given.cluster.shards as [typeof given.cluster.central];
    await givenEvents(one, 'orders', 10);
    await moveAll(given, 5);
    const [agreed] = await one.query<{ id: number }>('select max(tick_id) as id from pgq.tick');
    await givenEvents(one, 'orders', 20);
    await moveAll(given, 15);
    // As if the same events had been restored, and ticked at other times; and an event that went before there were routes.
    await one.query(`update pgq.tick set tick_time = tick_time + interval '1 ms' where tick_id > $1`, [
      agreed?.id,
    ]);
    await given.cluster.central.query(
      `do $$ begin execute format('with gone as (delete from %s where ev_id = (select max(ev_id) from %1$s) returning *)
           insert into %s select * from gone', (select queue_data_pfx from pgq.queue where queue_name = 'even'),
           (select queue_data_pfx from pgq.queue where queue_name = 'orders')); end $$`,
    );
    await givenEvents(one, 'orders', 6);
    await haltDiverged(given);
    const connections = await connected(given);
    const ways = await explainRepair(targetOf(given), connections);
    expect(ways.map(({ choice, moves, leavesOut }) => [choice, moves, leavesOut])).toEqual([
      ['rewind', 6, 20],
      ['skip', 0, 36],
      ['take-over', 36, 0],
    ]);
    await repair(targetOf(given), connections, { choice: 'rewind', operator: OPERATOR });
    await givenEvents(one, 'orders', 4);
    await moveAll(given, 16 + 3 + 2);
    expect(await movedTo(given, 'even')).toBe(14 + 3 + 2);
  });

  test('rewind leaves out what central holds, large events too, and moves the rest', async () => {
    const given = await givenMover({ shards: 1, more: 'mover: { memory: 16MB, whole: 16kB }' });
    const [one] = given.cluster.shards as [typeof given.cluster.central];
    const insertLarge = () =>
      one.query(
        `select pgq.insert_event('orders', 'large', string_agg(md5(n::text), '')) from generate_series(1, 4000) n`,
      );
    await givenEvents(one, 'orders', 10);
    await moveAll(given, 10);
    const [agreed] = await one.query<{ id: number }>('select max(tick_id) as id from pgq.tick');
    await givenEvents(one, 'orders', 20);
    await insertLarge();
    await givenEvents(one, 'orders', 20);
    await moveAll(given, 51);
    // As if the same events had been restored, and ticked at other times.
    await one.query(`update pgq.tick set tick_time = tick_time + interval '1 ms' where tick_id > $1`, [
      agreed?.id,
    ]);
    await givenEvents(one, 'orders', 6);
    await insertLarge();
    await givenEvents(one, 'orders', 1);
    await haltDiverged(given);
    const connections = await connected(given);
    const ways = await explainRepair(targetOf(given), connections);
    expect(ways.map(({ choice, moves, leavesOut }) => [choice, moves, leavesOut])).toEqual([
      ['rewind', 8, 41],
      ['skip', 0, 59],
      ['take-over', 59, 0],
    ]);
    expect(
      await repair(targetOf(given), connections, { choice: 'rewind', operator: OPERATOR }),
    ).toMatchObject({ moves: 8, leavesOut: 41 });
    await givenEvents(one, 'orders', 3);
    await moveAll(given, 62);
    const { lost, twice, invented } = await proofOf(given, 'orders');
    expect({ lost, twice, invented }).toEqual({ lost: [], twice: [], invented: [] });
    const [large] = await given.cluster.central.query<{ n: number; bytes: number }>(
      `select count(*) as n, sum(length(ev_data)) as bytes from (select * from pgq.event_template) e where ev_type = 'large'`,
    );
    expect(large).toEqual({ n: 2, bytes: 2 * 4000 * 32 });
  });

  test('skip goes on from what the shard has now', async () => {
    const given = await givenRestoredShard();
    await repair(targetOf(given), await connected(given), { choice: 'skip', operator: OPERATOR });
    const [one] = given.cluster.shards as [typeof given.cluster.central];
    await givenEvents(one, 'orders', 2);
    await moveAll(given, 17);
  });

  test('a source that is not halted is left alone', async () => {
    const given = await givenMover({ shards: 1 });
    await expect(
      repair(targetOf(given), await connected(given), { choice: 'rewind', operator: OPERATOR }),
    ).rejects.toThrow('Source s1:orders is not halted, so there is nothing to repair.');
  });

  test('the command says first what would never be moved, and asks; without an answer it changes nothing', async () => {
    const given = await givenRestoredShard();
    const command = ['-c', given.config.file, 'repair', 's1:orders'];
    const loss = 's1:orders: 17 events that are on the shard now would never be moved.';
    expect(await run([...command, '--skip'])).toEqual({
      code: 2,
      stdout: '',
      stderr: `${loss} There is no terminal to ask on, so nothing was changed: add --yes to go on with --skip.\n`,
    });
    expect((await run([...command, '--take-over'])).stderr).toMatch(
      /^s1:orders: 17 events would be moved; what central/,
    );
    const terminal = (answer: string) => {
      let text = '';
      const stdout = {
        isTTY: true,
        write: (more: string) => {
          text += more;
        },
      };
      return {
        stdin: Object.assign(Readable.from([`${answer}\n`]), { isTTY: true }),
        stdout,
        said: () => text,
      };
    };
    const no = terminal('n');
    expect(await run([...command, '--skip'], no)).toMatchObject({
      code: 1,
      stderr: 'Nothing was changed.\n',
    });
    expect(no.said()).toBe(`${loss}\nShall I go on with --skip? [y/N] `);
    const [halted] = await given.cluster.central.query(
      "select state from tributary.source where shard = 's1' and queue = 'orders'",
    );
    expect(halted).toEqual({ state: 'halted' });
    const yes = terminal('y');
    expect((await run([...command, '--skip'], yes)).code).toBe(0);
    expect(yes.said()).toContain('s1:orders goes on: 0 events moved, 17 left out.');
  });

  test('all halted sources of a shard are repaired by one command', async () => {
    const given = await givenRestoredShard();
    const { central } = given.cluster;
    await central.query(
      "update tributary.source set state = 'halted', halt_code = 'x', halt_reason = 'x' where shard = 's1'",
    );
    const sources = (await central.query("select from tributary.source where shard = 's1'")).length;
    expect(sources).toBeGreaterThan(1);
    const command = ['-c', given.config.file, 'repair', '--shard', 's1'];
    const shown = await run([...command, '--dry-run']);
    expect(shown.stdout).toMatch(/^source +way +begins at tick of/);
    expect(shown.stdout.match(/^s1:orders /gm)).toHaveLength(3);
    const done = await run([...command, '--rewind']);
    expect({ code: done.code, stderr: done.stderr }).toEqual({ code: 0, stderr: '' });
    expect(done.stdout).toContain('s1:orders goes on: 7 events moved, 0 left out.\n');
    expect(done.stdout.match(/ goes on: /g)).toHaveLength(sources);
    expect(
      await central.query("select from tributary.source where shard = 's1' and state <> 'active'"),
    ).toEqual([]);
    expect(await run([...command, '--rewind'])).toMatchObject({
      code: 1,
      stderr: 'No source of shard s1 is halted, so there is nothing to repair.\n',
    });
    expect(await run(['-c', given.config.file, 'repair', '--shard', 's2', '--rewind'])).toMatchObject({
      code: 2,
    });
  });
});
