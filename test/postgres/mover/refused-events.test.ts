import { describe, expect, test } from 'vitest';
import { givenEvents } from '../../support/installation/installation.ts';
import { type Given, givenMover, movedTo, proofOf } from '../../support/mover/mover.ts';
import { run } from '../../support/processes/run-cli.ts';
import { until } from '../../support/until.ts';

async function refuseBad({ cluster }: Given): Promise<void> {
  await cluster.central.query(
    `do $$ begin execute format('alter table %s add constraint no_bad check (ev_data is distinct from ''bad'')',
       (select queue_data_pfx from pgq.queue where queue_name = 'orders')); end $$`,
  );
}

describe('mover/gather/refused-events', () => {
  test('an event that central refuses is kept as a dead event, and its neighbours are moved', async () => {
    const given = await givenMover();
    const [one, two] = given.cluster.shards as [typeof given.cluster.central, typeof given.cluster.central];
    await refuseBad(given);
    await givenEvents(one, 'orders', 40);
    await one.query(`select pgq.insert_event('orders', 'test', 'bad')`);
    await givenEvents(one, 'orders', 40);
    await one.query(`select pgq.insert_event('orders', 'test', 'bad')`);
    await givenEvents(two, 'orders', 5);
    const { mover, ended } = given.start();
    await until(async () => (await movedTo(given, 'orders')) === 85, { what: '85 good orders' });
    await givenEvents(one, 'orders', 3);
    await until(async () => (await movedTo(given, 'orders')) === 88, { what: 'three more' });
    await mover.stop();
    await ended;
    const proof = await proofOf(given, 'orders');
    expect(proof.lost).toHaveLength(2);
    expect([proof.twice, proof.invented, proof.disordered]).toEqual([[], [], []]);
    const dead = await given.cluster.central.query(
      `select kind, origin, shard, source_queue, sqlstate, attempts, raw_length = length(raw) as whole,
         position('bad'::bytea in raw) > 0 as has_data from tributary.dead_event order by id`,
    );
    expect(dead.map(({ origin }) => origin).sort()).toEqual([...proof.lost].sort());
    expect(dead[0]).toMatchObject({
      kind: 'poison',
      shard: 's1',
      source_queue: 'orders',
      sqlstate: '23514',
      attempts: 2,
      whole: true,
      has_data: true,
    });
    const listed = await run(['-c', given.config.file, 'dead', 'list', '--queue', 'orders', '--json']);
    const { total, events } = JSON.parse(listed.stdout) as {
      total: number;
      events: { id: number; origin: string }[];
    };
    expect([listed.code, total, events.map(({ origin }) => origin).sort()]).toEqual([
      0,
      2,
      [...proof.lost].sort(),
    ]);
    const shown = await run(['-c', given.config.file, 'dead', 'show', String(events[0]?.id)]);
    expect(shown.stdout).toMatch(/^error: .*no_bad/m);
    expect(await run(['-c', given.config.file, 'dead', 'show', '999999'])).toMatchObject({
      code: 1,
      stderr: 'There is no dead event 999999; `tributary dead list` shows those there are.\n',
    });
    expect((await run(['-c', given.config.file, 'dead', 'list', '--queue', 'emails'])).stdout).toBe(
      'No dead events.\n',
    );
  });

  test('an event that comes alone becomes dead only after another event has passed in between', async () => {
    const given = await givenMover();
    const [one, two] = given.cluster.shards as [typeof given.cluster.central, typeof given.cluster.central];
    await refuseBad(given);
    const { mover, ended } = given.start();
    await one.query(`select pgq.insert_event('orders', 'test', 'bad')`);
    const refusals = () => given.occurrences.filter(({ kind }) => kind === 'source-trouble').length;
    await until(() => refusals() >= 2, { what: 'two refusals' });
    const count = async () =>
      (await given.cluster.central.query<{ count: number }>('select count(*) from tributary.dead_event'))[0]
        ?.count;
    expect(await count()).toBe(0);
    await givenEvents(two, 'orders', 1);
    await until(async () => (await count()) === 1, { what: 'the dead event' });
    await mover.stop();
    await ended;
  });

  test('with on_poison: halt the source stops and says which event', async () => {
    const given = await givenMover({
      queues:
        '  orders: { workers: none, create: true, on_poison: halt }\n  emails: { workers: none, create: true }',
    });
    const [one, two] = given.cluster.shards as [typeof given.cluster.central, typeof given.cluster.central];
    await refuseBad(given);
    await givenEvents(one, 'orders', 2);
    await one.query(`select pgq.insert_event('orders', 'test', 'bad')`);
    await givenEvents(two, 'orders', 7);
    const { mover, ended } = given.start();
    await until(async () => (await movedTo(given, 'orders')) === 7, { what: 'the other shard' });
    const halted = await until(
      async () =>
        (
          await given.cluster.central.query<{ halt_reason: string }>(
            `select halt_reason from tributary.source where state = 'halted'`,
          )
        )[0]?.halt_reason,
      { what: 'the halt' },
    );
    expect(halted).toMatch(
      /^Source s1:orders is halted: event s1:orders:\d+ cannot be moved: .*no_bad.*on_poison: halt/,
    );
    await mover.stop();
    await ended;
  });
});

describe('mover/windows/unreadable-events', () => {
  test('an event on which `where:` fails is kept as a dead event, the rest and the other queues are moved', async () => {
    const given = await givenMover({
      queues: `  orders: { workers: none, create: true, where: "ev_type <> 'number' or ev_data::int > 0" }
  emails: { workers: none, create: true }`,
      shards: 1,
    });
    const [one] = given.cluster.shards as [typeof given.cluster.central];
    await givenEvents(one, 'orders', 20);
    await one.query(
      `select pgq.insert_event('orders', 'number', data) from unnest(array['1', 'none', '0', '2']) data`,
    );
    await givenEvents(one, 'orders', 20);
    await givenEvents(one, 'emails', 4);
    const { mover, ended } = given.start();
    await until(async () => (await movedTo(given, 'orders')) === 42, { what: '42 orders' });
    await until(async () => (await movedTo(given, 'emails')) === 4, { what: '4 emails' });
    await givenEvents(one, 'orders', 3);
    await until(async () => (await movedTo(given, 'orders')) === 45, { what: 'three more' });
    await mover.stop();
    await ended;
    const proof = await proofOf(given, 'orders');
    expect([proof.twice, proof.invented, proof.disordered]).toEqual([[], [], []]);
    const dead = await given.cluster.central.query(
      `select kind, origin, sqlstate, position('none'::bytea in raw) > 0 as has_data from tributary.dead_event`,
    );
    // '0' is passed over by the condition, 'none' is dead: two of what the shard has are not in central.
    expect(dead).toEqual([
      {
        kind: 'poison',
        origin: expect.stringMatching(/^s1:orders:2[23]$/),
        sqlstate: '22P02',
        has_data: true,
      },
    ]);
    expect(proof.lost).toHaveLength(2);
  });
});

describe('mover/windows/unreadable-events on a busy shard', () => {
  test.each([
    ['an expression that fails', `'number', 'none'`, undefined],
    ['a byte that is no text', String.raw`'test', E'\xff'`, 'SQL_ASCII'],
  ] as const)(
    '%s stops neither its queue nor the others, which move all the time',
    async (_, event, encoding) => {
      const given = await givenMover({
        queues: `  orders: { workers: none, create: true, where: "ev_type <> 'number' or ev_data::int > 0" }
  emails: { workers: none, create: true }`,
        shards: 1,
        ...(encoding === undefined ? {} : { encoding }),
      });
      const [one] = given.cluster.shards as [typeof given.cluster.central];
      const { mover, ended } = given.start();
      const stopped = new AbortController();
      const busy = (async () => {
        while (!stopped.signal.aborted) await givenEvents(one, 'emails', 1);
      })();
      const deaths = async () =>
        (await given.cluster.central.query('select from tributary.dead_event')).length;
      const other = await one.connect();
      for (let n = 1; n <= 3; n += 1) {
        await other.query(`select pgq.insert_event('orders', ${event})`);
        await other.query(`select pgq.insert_event('orders', 'test', 'good')`);
        await until(async () => (await deaths()) === n, { what: `dead event ${n}` });
        await until(async () => (await goodIn(given)) === n, { what: `good event ${n}` });
      }
      stopped.abort();
      await busy;
      await mover.stop();
      await ended;
    },
  );
});

async function goodIn({ cluster }: Given): Promise<number> {
  return (await cluster.central.query(`select from pgq.event_template where ev_data = 'good'`)).length;
}

describe('mover/windows/large-windows', () => {
  test('a large window with an event on which `where:` fails is moved without it, in parts, and keeps it once', {
    timeout: 180_000,
  }, async () => {
    const given = await givenMover({
      queues: `  orders: { workers: none, create: true, where: "ev_type <> 'number' or ev_data::int > 0" }
  emails: { workers: none, create: true }`,
      shards: 1,
      more: 'mover: { memory: 16MB, whole: 4MB }',
    });
    const [one] = given.cluster.shards as [typeof given.cluster.central];
    await one.query(
      `select count(pgq.insert_event('orders', case n when 90000 then 'number' else 'big' end, repeat('x', 100)))
       from generate_series(1, 120000) n`,
    );
    await givenEvents(one, 'emails', 3);
    const { mover, ended } = given.start();
    await until(async () => (await movedTo(given, 'emails')) === 3, { what: '3 emails' });
    await until(async () => (await movedTo(given, 'orders')) === 119_999, {
      what: '119 999 orders',
      timeoutMs: 150_000,
      everyMs: 500,
    });
    await mover.stop();
    await ended;
    const proof = await proofOf(given, 'orders');
    expect([proof.twice, proof.invented, proof.disordered]).toEqual([[], [], []]);
    const dead = await given.cluster.central.query('select origin, sqlstate from tributary.dead_event');
    expect(dead).toEqual([{ origin: proof.lost[0], sqlstate: '22P02' }]);
    expect(proof.lost).toHaveLength(1);
  });
});
