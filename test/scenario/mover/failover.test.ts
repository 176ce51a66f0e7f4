// Servers with standbys, named together in a URL: what happens when the standby takes over, without anybody's help.
import { describe, expect, test } from 'vitest';
import { givenEvents } from '../../support/installation/installation.ts';
import { givenInstalledHosts, type InstalledHosts } from '../../support/installation/installed-hosts.ts';
import { endPrepared, givenForwarding } from '../../support/mover/forwarding.ts';
import { startLoad } from '../../support/mover/load.ts';
import { randomFrom } from '../../support/random.ts';
import { alsoOn, givenDatabase, type TestDatabase } from '../../support/server/database.ts';
import { givenServer } from '../../support/server/server.ts';
import { givenStandby, type Standby } from '../../support/server/standby.ts';
import { until } from '../../support/until.ts';

const random = randomFrom(Number(process.env.TRIBUTARY_SEED ?? Math.floor(Math.random() * 2 ** 31)));
process.stdout.write(`TRIBUTARY_SEED=${random.seed}\n`);

const PATIENTLY = { timeoutMs: 100_000 };

interface Replicated {
  /** Found wherever it takes writes. */
  readonly database: TestDatabase;
  readonly standby: Standby;
}

async function givenReplicated(
  pgq: true | 'central',
  options: Parameters<typeof givenStandby>[1] = {},
): Promise<Replicated> {
  const primary = await givenServer();
  const database = await givenDatabase({ pgq, server: primary });
  const standby = await givenStandby(primary, options);
  return { database: alsoOn(database, standby), standby };
}

async function untilMoreIsHandled(hosts: InstalledHosts, shard: string): Promise<void> {
  const count = async () => {
    const text = `select count(*) as n from handled where origin like '${shard}:%'`;
    return (await hosts.central.query<{ n: number }>(text))[0]?.n ?? 0;
  };
  const before = await until(async () => [await count()], { what: 'an answer of central', ...PATIENTLY });
  await until(async () => (await count()) > (before[0] ?? 0) + 20, {
    what: `more of ${shard}`,
    ...PATIENTLY,
  });
}

describe('failover', () => {
  test('central, then a shard, crash under load and their synchronous standbys take over: nothing is lost or done twice', async () => {
    const isSynchronous = true;
    const [central, first, second] = await Promise.all([
      givenReplicated('central', { isSynchronous }),
      givenReplicated(true, { isSynchronous }),
      givenDatabase(),
    ]);
    const cluster = { central: central.database, shards: [first.database, second] };
    const hosts = await givenInstalledHosts({ h1: 2 }, { cluster });
    const host = await hosts.startHost('h1');
    const load = startLoad(hosts.shards, { queues: ['orders'], random, everyMs: 40, bulk: 300 });
    for (const shard of ['s1', 's2']) await untilMoreIsHandled(hosts, shard);

    await central.standby.promote();
    for (const shard of ['s1', 's2']) await untilMoreIsHandled(hosts, shard);
    await first.standby.promote();
    await untilMoreIsHandled(hosts, 's1');

    await load.stop();
    // Of a writer that lost its server between the two phases.
    await endPrepared(first.database);
    await until(
      async () => {
        const { committed, moved, lost } = await hosts.proof();
        return lost.length === 0 && moved >= committed && (await hosts.handled()) >= moved;
      },
      { what: 'all events to be handled', ...PATIENTLY },
    );
    const proof = await hosts.proof();
    expect([proof.lost, proof.twice, proof.invented, proof.disordered]).toEqual([[], [], [], []]);
    const twice = 'select origin from handled group by 1 having count(*) > 1';
    expect(await hosts.central.query(twice)).toEqual([]);
    expect(await hosts.handled()).toBe(proof.moved);
    host.kill('SIGTERM');
    expect((await host.exit).code).toBe(0);
  }, 300_000);

  test.each([
    { title: 'a mover that saw it', isRestarted: false },
    { title: 'one that is started later', isRestarted: true },
  ])(
    'a standby of central that lacked events takes over: $title says so, and moves them again',
    async ({ isRestarted }) => {
      const { database: central, standby } = await givenReplicated('central');
      const shard = await givenDatabase();
      const forwarding = await givenForwarding({
        cluster: { central, shards: [shard] },
        queues: '  orders: { workers: none, create: true, keep: 0s }',
      });
      const env = { TRIBUTARY_TIMING: 'shard.watermarkEveryMs=50' };
      const first = forwarding.startMover({ env });
      const untilMoved = (events: number) =>
        until(async () => (await forwarding.moved()) === events, { what: `${events} events`, ...PATIENTLY });
      await givenEvents(shard, 'orders', 7);
      await untilMoved(7);
      await standby.cutOff();
      await givenEvents(shard, 'orders', 5);
      await untilMoved(12);
      await until(() => isWatermarkAtEnd(shard), { what: 'the watermark behind all', ...PATIENTLY });
      if (isRestarted) {
        first.kill('SIGKILL');
        await first.exit;
      }
      await standby.promote();
      const mover = isRestarted ? forwarding.startMover({ env }) : first;
      await mover.waitForLine(/central is older than what was moved into it from shard s1/, PATIENTLY);
      const noted = () =>
        central.query<{ what: string }>(
          `select what from tributary.logbook where what like 'Central%older%'`,
        );
      await until(async () => (await noted()).length > 0, { what: 'a note', ...PATIENTLY });
      expect((await noted())[0]?.what).toMatch(
        isRestarted ? /^Central is older than .* from 1 source:/ : /^Central lacks 5 events and is older/,
      );
      await givenEvents(shard, 'orders', 3);
      const proof = await forwarding.untilProven(PATIENTLY);
      expect(proof.moved).toBe(15);
      mover.kill('SIGTERM');
      expect((await mover.exit).code).toBe(0);
    },
    200_000,
  );
});

/** Our registration has passed the newest event. */
async function isWatermarkAtEnd(shard: TestDatabase): Promise<boolean> {
  const [row] = await shard.query<{ passed: boolean }>(
    `select t.tick_event_seq >= (select max(ev_id) from pgq.event_1) as passed
     from pgq.subscription s join pgq.tick t on t.tick_queue = s.sub_queue and t.tick_id = s.sub_last_tick`,
  );
  return row?.passed === true;
}
