import { describe, expect, test } from 'vitest';
import { givenEvents } from '../../support/installation/installation.ts';
import { type Given, givenMover, proofOf } from '../../support/mover/mover.ts';
import { run } from '../../support/processes/run-cli.ts';
import { until } from '../../support/until.ts';

/** Central refuses events with the data `bad`, which one shard has `count` times among good ones. */
async function givenPoison(count: number): Promise<Given> {
  const given = await givenMover({ shards: 1, queues: '  orders: { workers: none, create: true }' });
  const [one] = given.cluster.shards as [typeof given.cluster.central];
  await constraint(given, `add constraint no_bad check (ev_data is distinct from 'bad')`);
  await givenEvents(one, 'orders', 10);
  await one.query(
    `select pgq.insert_event('orders', 'odd', 'bad', 'é', null, '', null) from generate_series(1, $1)`,
    [count],
  );
  const { mover, ended } = given.start();
  await until(async () => (await deadOf(given)).length === count, { what: 'the dead events' });
  await mover.stop();
  await ended;
  return given;
}

async function constraint({ cluster }: Given, what: string): Promise<void> {
  await cluster.central.query(
    `do $$ begin execute format('alter table %s ${what.replaceAll("'", "''")}',
       (select queue_data_pfx from pgq.queue where queue_name = 'orders')); end $$`,
  );
}

const deadOf = ({ cluster }: Given) =>
  cluster.central.query<{ id: number; origin: string; error: string; attempts: number }>(
    'select id, origin, error, attempts from tributary.dead_event where redriven_at is null order by id',
  );

const retry = ({ config }: Given, ...args: string[]) => run(['-c', config.file, 'dead', 'retry', ...args]);

describe('dead retry of events that central refused', () => {
  test('an event that central takes by now is stored once, as the mover would have stored it', async () => {
    const given = await givenPoison(3);
    await constraint(given, 'drop constraint no_bad');
    const ran = await retry(given, '--kind', 'poison', '--yes');
    expect(ran).toEqual({
      code: 0,
      stdout: '3 dead events: 3 of orders (poison).\n3 dead events handed out again.\n',
      stderr: '',
    });
    const proof = await proofOf(given, 'orders');
    expect([proof.lost, proof.twice, proof.invented, proof.moved]).toEqual([[], [], [], 13]);
    const [table] = await given.cluster.central.query<{ name: string }>(
      `select queue_data_pfx as name from pgq.queue where queue_name = 'orders'`,
    );
    expect(
      await given.cluster.central.query(
        `select ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4 ~ '^s1:orders:' as has_origin
           from ${table?.name} where ev_type = 'odd' limit 1`,
      ),
    ).toEqual([
      { ev_type: 'odd', ev_data: 'bad', ev_extra1: 'é', ev_extra2: null, ev_extra3: '', has_origin: true },
    ]);
    expect((await retry(given, '--all', '--yes')).stdout).toBe('No dead events.\n');
  });

  test('an event that central refuses again stays dead with the new error, and stops no other', async () => {
    const given = await givenPoison(2);
    await constraint(given, 'drop constraint no_bad');
    const [first, second] = await deadOf(given);
    await constraint(given, `add constraint never check (ev_extra4 is distinct from '${first?.origin}')`);
    const ran = await retry(given, '--all', '--yes');
    expect(ran.code).toBe(1);
    expect(ran.stdout).toMatch(/1 dead event handed out again\.\n1 dead event refused by central once more/);
    expect(await deadOf(given)).toEqual([
      { id: first?.id, origin: first?.origin, attempts: 3, error: expect.stringMatching(/never/) },
    ]);
    expect((await proofOf(given, 'orders')).lost).toEqual([first?.origin]);
    expect(second).toBeDefined();
  });

  test('an event of which only a part was kept stays dead, and the command says so', async () => {
    const given = await givenPoison(2);
    await constraint(given, 'drop constraint no_bad');
    await given.cluster.central.query(
      'update tributary.dead_event set raw = substr(raw, 1, length(raw) - 1) where id = (select min(id) from tributary.dead_event)',
    );
    const ran = await retry(given, '--all', '--yes');
    expect(ran.code).toBe(1);
    expect(ran.stdout).toMatch(/1 dead event left, because only the first part of the event was kept/);
    expect((await proofOf(given, 'orders')).moved).toBe(11);
    expect(await deadOf(given)).toHaveLength(1);
  });

  test('two commands at once store each event once', async () => {
    const given = await givenPoison(20);
    await constraint(given, 'drop constraint no_bad');
    const both = await Promise.all([1, 2].map(() => retry(given, '--all', '--yes')));
    expect(both.map(({ code, stderr }) => [code, stderr])).toEqual([
      [0, ''],
      [0, ''],
    ]);
    const proof = await proofOf(given, 'orders');
    expect([proof.lost, proof.twice, proof.moved]).toEqual([[], [], 30]);
  });
});
