// A shard restored into a server that has given out fewer transaction ids: what is inserted there counts, by the ticks that came
// along, as moved. It halts at once, says so, and nothing is lost.
import { expect, test } from 'vitest';
import { readCentralEvents, readShardEvents } from '../../../src/proof/origins.ts';
import { givenFile } from '../../support/installation/config-file.ts';
import { fileFor, givenEvents } from '../../support/installation/installation.ts';
import { type Forwarding, givenForwarding, SOURCE_QUEUES } from '../../support/mover/forwarding.ts';
import { startTributary } from '../../support/processes/process.ts';
import { run } from '../../support/processes/run-cli.ts';
import type { TestDatabase } from '../../support/server/database.ts';
import { givenDump, nextXid, useXids } from '../../support/server/dump.ts';
import { givenServer } from '../../support/server/server.ts';
import { until } from '../../support/until.ts';

/** One that was `n` transactions ahead when its first shard was dumped into a younger server; nothing of it is waiting. */
async function givenYoungerShard(ahead: number) {
  const forwarding = await givenForwarding({ shards: 2 });
  const [one, two] = forwarding.shards as [TestDatabase, TestDatabase];
  const server = await givenServer();
  await useXids(one, (await nextXid(one)) + ahead + 2_000);
  const mover = forwarding.startMover();
  for (const queue of SOURCE_QUEUES) await givenEvents(one, queue, 5);
  await until(async () => (await forwarding.moved()) === 15, { what: '15 moved events' });
  mover.kill('SIGTERM');
  await mover.exit;
  const younger = await givenDump(one, server);
  await useXids(younger, (await nextXid(one)) - ahead);
  const file = givenFile(
    fileFor({ central: forwarding.central, shards: [younger, two] }, { queues: queuesOf(forwarding) }),
  );
  const start = () => startTributary(['-c', file, 'mover', '--host', '127.0.0.1']);
  return { forwarding, younger, two, file, start };
}

const queuesOf = ({ config }: Forwarding): string =>
  config.queues
    .map(({ name, from }) => `  ${name}: { workers: none, create: true, from: [${from.join(', ')}] }`)
    .join('\n');

async function originsOn(shard: TestDatabase, name: string): Promise<string[]> {
  const connection = await shard.connect();
  const lists = [];
  for (const queue of SOURCE_QUEUES) lists.push(await readShardEvents(connection, { shard: name, queue }));
  await connection.close();
  return lists
    .flat()
    .map(({ origin }) => origin)
    .sort();
}

async function originsInCentral({ central }: Forwarding): Promise<string[]> {
  const connection = await central.connect();
  const lists = [
    await readCentralEvents(connection, { queue: 'orders' }),
    await readCentralEvents(connection, { queue: 'emails' }),
  ];
  await connection.close();
  return lists
    .flat()
    .map(({ origin }) => origin)
    .sort();
}

const reasonOf = async ({ central }: Forwarding, queue: string): Promise<string | undefined> =>
  (
    await central.query<{ halt_reason: string }>(
      `select halt_reason from tributary.source where state = 'halted' and shard = 's1' and queue = $1`,
      [queue],
    )
  )[0]?.halt_reason;

test.each([
  ['far below its ticks', 3_000],
  ['between the two ends of its newest tick', 0],
])(
  'a shard on a server whose transaction ids are %s halts, and repair brings all',
  async (_where, ahead) => {
    const { forwarding, younger, two, file, start } = await givenYoungerShard(ahead);
    if (ahead === 0) {
      // Where PgQ only warns: a tick that knows more transactions, some of which may still be open in it.
      const next = await nextXid(younger);
      await younger.query(
        `update pgq.tick t set tick_snapshot = ('${next - 300}:${next + 300}:')::txid_snapshot
       where tick_id = (select max(n.tick_id) from pgq.tick n where n.tick_queue = t.tick_queue)`,
      );
      await forwarding.central.query(
        `update tributary.position p set tick_snapshot_md5 = md5('${next - 300}:${next + 300}:')
       from tributary.source s where s.id = p.source and s.shard = 's1' and n = (select max(n) from tributary.position m where m.source = p.source)`,
      );
    }
    await givenEvents(younger, 'orders', 4);
    const mover = start();
    const reason = await until(() => reasonOf(forwarding, 'orders'), { what: 's1:orders to halt' });
    expect(reason).toMatch(
      /^Source s1:orders is halted: its ticks know [\d,]+ transaction ids? more .* younger server.*pg_resetwal/,
    );
    await givenEvents(younger, 'email_out', 2);
    await givenEvents(two, 'orders', 3);
    await until(async () => (await forwarding.moved()) === 18, { what: 'the other shard to be moved' });
    for (const live of [[], ['--live']]) {
      const lag = await run(['-c', file, 'lag', '--max', '1h', '--json', ...live]);
      expect(lag.code).toBe(3);
      const { sources } = JSON.parse(lag.stdout) as {
        sources: { shard: string; queue: string; state: string }[];
      };
      expect(sources.find(({ shard, queue }) => shard === 's1' && queue === 'orders')?.state).toBe('halted');
    }
    const early = await run(['-c', file, 'repair', 's1:orders', '--dry-run']);
    expect([early.code, early.stderr]).toEqual([
      2,
      expect.stringMatching(/cannot be repaired yet: its ticks know/),
    ]);

    await useXids(younger, (await nextXid(younger)) + ahead + 2_000);
    await givenEvents(younger, 'orders', 3);
    expect(await reasonOf(forwarding, 'orders')).toBe(reason);
    for (const queue of SOURCE_QUEUES) {
      if ((await reasonOf(forwarding, queue)) === undefined) continue;
      const { code, stderr } = await run(['-c', file, 'repair', `s1:${queue}`, '--rewind']);
      expect([code, stderr]).toEqual([0, expect.not.stringContaining('rror')]);
    }
    await givenEvents(younger, 'email_bulk', 1);
    const wanted = [...(await originsOn(younger, 's1')), ...(await originsOn(two, 's2'))].sort();
    expect(wanted).toHaveLength(15 + 4 + 2 + 3 + 3 + 1);
    await until(async () => (await originsInCentral(forwarding)).length >= wanted.length, {
      what: 'all to be moved',
    });
    expect(await originsInCentral(forwarding)).toEqual(wanted);
    mover.kill('SIGTERM');
    expect((await mover.exit).code).toBe(0);
  },
  120_000,
);

test('where the transaction ids have caught up before a mover starts, events that seem to be moved are found, and repair brings them', async () => {
  const { forwarding, younger, two, file, start } = await givenYoungerShard(3_000);
  await givenEvents(younger, 'orders', 4);
  await useXids(younger, (await nextXid(younger)) + 5_000);
  await givenEvents(younger, 'orders', 2);
  await givenEvents(younger, 'email_out', 1);
  const mover = start();
  const reason = await until(() => reasonOf(forwarding, 'orders'), { what: 's1:orders to halt' });
  expect(reason).toMatch(/^Source s1:orders is halted: 4 events came in on another server/);
  const { code, stderr } = await run(['-c', file, 'repair', 's1:orders', '--rewind']);
  expect([code, stderr]).toEqual([0, expect.not.stringContaining('rror')]);
  const wanted = [...(await originsOn(younger, 's1')), ...(await originsOn(two, 's2'))].sort();
  expect(wanted).toHaveLength(15 + 4 + 2 + 1);
  await until(async () => (await originsInCentral(forwarding)).length >= wanted.length, {
    what: 'all to be moved',
    timeoutMs: 40_000,
  });
  expect(await originsInCentral(forwarding)).toEqual(wanted);
  mover.kill('SIGTERM');
  expect((await mover.exit).code).toBe(0);
}, 120_000);
