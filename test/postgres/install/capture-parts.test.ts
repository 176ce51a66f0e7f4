// What becomes of partitions of a captured table as a whole, and that central's logbook has what was captured by whom.
import { expect, test } from 'vitest';
import { heldOnShard } from '../../../src/observability/doctor/held-on-shard.ts';
import { givenConfig, givenFile } from '../../support/installation/config-file.ts';
import { fileFor, givenCluster } from '../../support/installation/installation.ts';
import { run } from '../../support/processes/run-cli.ts';
import type { TestDatabase } from '../../support/server/database.ts';

const MONTH = (name: string, from: string, to: string) =>
  `create table ${name} partition of visit for values from ('2026-${from}-01') to ('2026-${to}-01')`;

async function givenVisits() {
  const cluster = await givenCluster({ shards: 2 });
  for (const shard of cluster.shards)
    await (await shard.connect()).script(
      `create table visit (id int, day date, primary key (id, day)) partition by range (day);
       ${MONTH('visit_1', '01', '02')}; ${MONTH('visit_2', '02', '03')}; insert into visit values (1, '2026-01-05')`,
    );
  const text = fileFor(cluster, {
    queues: '  visits: { workers: none, create: true }\n  others: { workers: none, create: true }',
    more: 'capture:\n  seen: { tables: [public.visit], queue: visits }',
  });
  const file = givenFile(text);
  const tributary = (...args: string[]) => run(['-c', file, ...args]);
  return { ...cluster, config: givenConfig(text), tributary };
}

test('partitions that were dropped or detached, and those that were attached with rows, are named until they are taken as known', async () => {
  const { shards, config, tributary } = await givenVisits();
  const [, second] = shards as [TestDatabase, TestDatabase];
  expect((await tributary('install')).code).toBe(0);
  // What is made later is captured, and nothing to tell.
  await second.query(MONTH('visit_3', '03', '04'));
  expect(await tributary('capture', 'status')).toMatchObject({ code: 0 });
  await (await second.connect()).script(
    `alter table visit detach partition visit_1; drop table visit_2;
     create table old (id int not null, day date not null); insert into old values (7, '2026-04-02')`,
  );
  await second.query(
    "alter table visit attach partition old for values from ('2026-04-01') to ('2026-05-01')",
  );
  const status = await tributary('capture', 'status');
  expect(status.code).toBe(3);
  expect(status.stdout).toContain(
    's2: public.visit (capture seen) changed: partitions public.visit_1, public.visit_2 are gone, detached or dropped: no event says that their rows are.\n',
  );
  expect(status.stdout).toContain(
    's2: public.visit (capture seen) changed: partition public.old is attached: rows that it had by then are no events.\n',
  );
  const doctor = JSON.parse((await tributary('doctor', '--json')).stdout) as {
    diagnoses: { cause: string; names: string[]; evidence: string[]; command: string }[];
  };
  expect(doctor.diagnoses.find(({ cause }) => cause === 'capture-differs')).toMatchObject({
    names: ['s2'],
    evidence: [expect.stringMatching(/visit_1, public\.visit_2 are gone.*public\.old is attached/)],
    command: 'tributary capture install',
  });
  // The page of the source shows the same.
  const [shard] = config.shards.slice(1);
  const held = (queue: string) => heldOnShard(shard as (typeof config.shards)[0], { queue, config });
  expect((await held('visits')).captured).toMatchObject([
    {
      capture: 'seen',
      table: 'public.visit',
      state: 'changed',
      why: [expect.stringMatching(/are gone/), expect.stringMatching(/is attached/)],
    },
  ]);
  expect((await held('others')).captured).toEqual([]);
  expect((await tributary('capture', 'install')).code).toBe(0);
  expect(await tributary('capture', 'status')).toMatchObject({ code: 0 });
});

test('central’s logbook has which tables an operator had captured, by install or alone, and which no longer', async () => {
  const { central, shards, tributary } = await givenVisits();
  const noted = () =>
    central.query<{ via: string; central_queues: string[]; what: string }>(
      "select via, central_queues, what from tributary.logbook where kind = 'capture' order by id",
    );
  const captured = 'capture public.visit into queue visits by jsontriga (capture seen)';
  expect((await tributary('install')).code).toBe(0);
  expect(await noted()).toEqual([
    { via: 'cli', central_queues: ['visits'], what: `had 2 shards ${captured}.` },
  ]);
  // Nothing was done, nothing is noted.
  await tributary('install');
  await tributary('capture', 'install');
  await tributary('capture', 'remove', 'seen', '--dry-run');
  expect(await noted()).toHaveLength(1);
  await tributary('capture', 'remove', 'seen', '--shard', 's1', '--yes');
  await tributary('capture', 'install');
  expect((await noted()).slice(1).map(({ what }) => what)).toEqual([
    'had 1 shard capture public.visit no longer (capture seen).',
    `had 1 shard ${captured}.`,
  ]);
  // Where central is away it is done all the same, and said.
  await shards[0]?.query('alter table visit add note text');
  await central.query('alter table tributary.logbook rename to logbook_away');
  const done = await tributary('capture', 'install');
  expect(done).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/^note: It is not in central's logbook: /m),
  });
});
