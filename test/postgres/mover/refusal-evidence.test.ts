import { describe, expect, test } from 'vitest';
import { CentralLink } from '../../../src/central/central-link.ts';
import { sentenceFor } from '../../../src/errors/sentence.ts';
import { givenEvents } from '../../support/installation/installation.ts';
import { type Given, givenMover, movedTo, proofOf } from '../../support/mover/mover.ts';
import type { TestDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';

const shardsOf = ({ cluster }: Given) => cluster.shards as [TestDatabase, TestDatabase];
const deadIn = ({ cluster }: Given) =>
  cluster.central.query<{ origin: string; sqlstate: string }>(
    'select origin, sqlstate from tributary.dead_event order by id',
  );
const onEventTables = ({ cluster }: Given, statement: string) =>
  cluster.central.query(
    `do $$ declare t text; begin
       for t in select format('pgq.event_%s_%s', queue_id, n) from pgq.queue, generate_series(0, 2) n where queue_name = 'orders' loop
         execute format($s$ ${statement} $s$, t);
       end loop; end $$`,
  );
const positionOf = async ({ cluster }: Given, shard: string) =>
  (
    await cluster.central.query<{ n: number }>(
      `select max(p.n) as n from tributary.position p join tributary.source s on s.id = p.source
       where s.shard = $1 and s.queue = 'orders'`,
      [shard],
    )
  )[0]?.n as number;

describe('when an event becomes dead', () => {
  test('while central refuses everything, now for this and now for that, windows without events are no evidence', {
    timeout: 150_000,
  }, async () => {
    const given = await givenMover();
    const [one, two] = shardsOf(given);
    const { mover, ended } = given.start();
    await givenEvents(one, 'orders', 3);
    await givenEvents(two, 'orders', 3);
    await until(async () => (await movedTo(given, 'orders')) === 6, { what: '6 orders' });
    await given.cluster.central.query(
      `create function public.refuse() returns trigger language plpgsql as $$ begin
         raise exception using message = 'not today',
           errcode = (array['22012', '23514', '23505', '54000', '22P02', 'P0001'])[1 + floor(random() * 6)];
       end $$`,
    );
    await onEventTables(
      given,
      'create trigger refuse before insert on %s for each row execute function public.refuse()',
    );
    await givenEvents(one, 'orders', 1);
    const refusals = () => given.occurrences.filter(({ kind }) => kind === 'source-trouble').length;
    await until(() => refusals() >= 1, { what: 'the first refusal' });
    const before = await positionOf(given, 's2');
    // What is rolled back makes a tick, and a window without events.
    const empty = await two.connect();
    await until(
      async () => {
        await empty.script(`begin; select pgq.insert_event('orders', 'test', 'x'); rollback`);
        return (await positionOf(given, 's2')) >= before + 2;
      },
      { what: 'two windows without events', timeoutMs: 70_000, everyMs: 250 },
    );
    const seen = refusals();
    await until(() => refusals() >= seen + 1, { what: 'another refusal', timeoutMs: 70_000 });
    expect(await deadIn(given)).toEqual([]);
    await onEventTables(given, 'drop trigger refuse on %s');
    await until(async () => (await movedTo(given, 'orders')) === 7, {
      what: 'the seventh',
      timeoutMs: 70_000,
    });
    expect(await deadIn(given)).toEqual([]);
    await mover.stop();
    await ended;
  });

  test('of events that central refuses only together the later ones become dead, and the source moves on', async () => {
    const given = await givenMover();
    const [one] = shardsOf(given);
    await onEventTables(given, 'create unique index on %s (ev_extra1)');
    await one.query(
      `select pgq.insert_event('orders', 'test', n::text, 'key ' || least(n, 4), null, null, null) from generate_series(1, 6) n`,
    );
    await givenEvents(one, 'orders', 11);
    const { mover, ended } = given.start();
    await until(async () => (await movedTo(given, 'orders')) === 15, { what: '15 of 17' });
    expect((await deadIn(given)).map(({ sqlstate }) => sqlstate)).toEqual(['23505', '23505']);
    const kept = await given.cluster.central.query<{ data: string }>(
      `select ev_data as data from pgq.event_template where ev_extra1 = 'key 4'`,
    );
    expect(kept).toEqual([{ data: '4' }]);
    await mover.stop();
    await ended;
    const proof = await proofOf(given, 'orders');
    expect([proof.twice, proof.invented, proof.disordered, proof.lost.length]).toEqual([[], [], [], 2]);
  });

  test('of events of one id that the shard cannot read only those that fail are dead', async () => {
    const given = await givenMover({
      shards: 1,
      queues: `  orders: { workers: none, create: true, where: "(ev_data::json->>'kind') = 'order'" }`,
    });
    const [one] = shardsOf(given);
    const connection = await one.connect();
    const twin = (data: string) =>
      `select pgq.insert_event_raw('orders', 1000, now(), null, null, 'test', '${data}', null, null, null, null)`;
    await connection.script(
      [
        'begin',
        `select pgq.insert_event('orders', 'test', '{"kind":"order","n":1}')`,
        twin('{"kind":"order","n":"twin"}'),
        twin('{"kind":"other","n":"not wanted"}'),
        twin('not json'),
        `select pgq.insert_event('orders', 'test', '{"kind":"order","n":2}')`,
        'commit',
      ].join('; '),
    );
    const { mover, ended } = given.start();
    const moved = () =>
      given.cluster.central.query<{ n: string }>(
        `select ev_data::json->>'n' as n from pgq.event_template order by ev_id`,
      );
    await until(async () => (await moved()).length === 3, { what: 'three events' });
    expect((await moved()).map(({ n }) => n).sort()).toEqual(['1', '2', 'twin']);
    const dead = await given.cluster.central.query(
      `select origin, position('not json'::bytea in raw) > 0 as has_data from tributary.dead_event`,
    );
    expect(dead).toEqual([{ origin: 's1:orders:1000', has_data: true }]);
    expect(given.occurrences.filter(({ kind }) => kind === 'condemned')).toMatchObject([{ by: 'shard' }]);
    await mover.stop();
    await ended;
  });
});

describe('what lag says of it', () => {
  test('a source whose last waiting event became a dead one is healthy at once', async () => {
    const given = await givenMover();
    const [one, two] = shardsOf(given);
    await onEventTables(given, `alter table %s add check (ev_data <> 'bad')`);
    const { mover, ended } = given.start();
    await one.query(`select pgq.insert_event('orders', 'test', 'bad')`);
    const source = () =>
      mover.shards
        .flatMap(({ sources }) => sources)
        .find(({ shard, queue }) => shard === 's1' && queue === 'orders');
    const trouble = await until(() => source()?.trouble?.reason, { what: 'a refusal' });
    expect(trouble).toMatch(/^Central: .*violates check constraint/);
    await givenEvents(two, 'orders', 1);
    await until(async () => (await deadIn(given)).length === 1, { what: 'the dead event' });
    await until(() => source()?.trouble === undefined, { what: 'a source that is well', timeoutMs: 5_000 });
    await mover.stop();
    await ended;
  });

  test('an error of central is never reported as one of a shard', async () => {
    const given = await givenMover({ shards: 1 });
    await given.cluster.central.query(
      `alter function tributary.sources_of(text[]) rename to sources_of_before`,
    );
    await given.cluster.central.query(
      `create function tributary.sources_of(text[]) returns setof tributary.source language plpgsql as $$ begin
         raise exception using errcode = '57P03', message = 'the database system is starting up'; end $$`,
    );
    const { mover, ended } = given.start();
    const told = await until(() => mover.shards[0]?.trouble, { what: 'what the shard says' });
    expect(told).toBe('Central is starting up or shutting down.');
    await mover.stop();
    await ended;
    const link = new CentralLink(given.config, 'test');
    for (const [text, sentence] of [
      ['select 1/0', /^Central: division by zero/],
      ['select pg_sleep(9)', /^Central: no answer within/],
    ] as const) {
      const error = await link.query(text, [], { timeoutMs: 500 }).catch((failure: unknown) => failure);
      expect(sentenceFor(error, 'Shard s1')).toMatch(sentence);
    }
    await link.close();
  });
});
