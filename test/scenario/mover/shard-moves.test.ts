// Shards that go on at another server: fingerprints decide, what would be lost or come twice is refused, and no mover with an older
// file reads the old one any more.
import { describe, expect, test } from 'vitest';
import { givenEvents } from '../../support/installation/installation.ts';
import { givenDatabase } from '../../support/server/database.ts';
import { givenCopy } from '../../support/server/restore.ts';
import { givenServer } from '../../support/server/server.ts';
import { givenStandby } from '../../support/server/standby.ts';
import { until } from '../../support/until.ts';
import { countsIn, fleetFile, givenFleet, tributary, untilMoved, withMover } from './fleet.ts';

describe('move', () => {
  test('a copy takes the place of the old one while a mover with the older file runs; a copy that lacks something is refused', async () => {
    const { central, one, two, file } = await givenFleet();
    const young = await withMover(file, async (old) => {
      await untilMoved(central, 10);
      await tributary(file, 0, 'shard', 'drain', 'one');
      const early = await givenCopy(one);
      await tributary(file, 0, 'pause', '--shard', 'one');
      await givenEvents(one, 'orders', 2);
      const move = (to: string, ...more: string[]) => ['shard', 'move', 'one', '--to', to, '--yes', ...more];
      expect((await tributary(file, 1, ...move(early.url))).stderr).toMatch(
        /2 events of one:orders on the old database are not on the new one \(the first is \d+\), and would be lost\. Nothing was changed\. Stop the producers/,
      );
      await tributary(file, 0, 'resume', '--shard', 'one');
      await untilMoved(central, 12);
      expect((await tributary(file, 1, ...move(early.url))).stderr).toMatch(
        /2 events of one:orders on the old database are not on the new one/,
      );
      const empty = await givenDatabase();
      await empty.query("select pgq.create_queue('orders')");
      expect((await tributary(file, 1, ...move(empty.url))).stderr).toMatch(
        /no tick of orders up to which central has/,
      );
      expect((await tributary(file, 1, ...move(two.url))).stderr).toMatch(/central knows as two/);
      expect((await tributary(file, 1, ...move(one.url.replace('127.0.0.1', 'localhost')))).stderr).toMatch(
        /Both URLs lead to the same database of one/,
      );

      const copy = await givenCopy(one);
      await givenEvents(copy, 'orders', 3);
      const dry = await tributary(file, 0, 'shard', 'move', 'one', '--to', copy.url, '--dry-run');
      expect(dry.stdout).toMatch(/one:orders goes on behind tick \d+, which both have: 3 events wait there/);
      expect((await tributary(file, 2, 'shard', 'move', 'one', '--to', copy.url)).stderr).toMatch(
        /add --yes/,
      );
      const moved = await tributary(file, 0, ...move(copy.url));
      expect(moved.stdout).toMatch(/one:orders +\d+ +yes +7 +3 +0/);
      await old.waitForLine(/is a database that shard one has left for another server/, {
        timeoutMs: 40_000,
      });
      await givenEvents(one, 'orders', 1);
      expect((await tributary(file, 1, 'install')).stderr).toMatch(/has left for another server/);
      return copy;
    });
    // The same again, with the new file: it is done, and what was written to the old one after the move is said.
    const next = fleetFile(central, { one: young, two });
    const again = await tributary(
      next,
      1,
      'shard',
      'move',
      'one',
      '--to',
      young.url,
      '--from',
      one.url,
      '--yes',
    );
    expect(again.stderr).toMatch(
      /one:orders: 1 event came in on the old database meanwhile, and is nowhere else/,
    );
    // A mover that has not read its file again lets go of the shard, for one whose file is right.
    await withMover(file, async (old) => {
      await old.waitForLine(/is a database that shard one has left for another server/);
      await until(
        async () =>
          (await tributary(file, 0, 'lag', '--json')).stdout.includes(
            'leads to a database that it has left for another server (`shard move`): change its URL there',
          ),
        { what: 'lag to say why nobody moves it', timeoutMs: 60_000 },
      );
      await withMover(next, async () => {
        await givenEvents(two, 'orders', 1);
        await untilMoved(central, 16);
      });
    });
    expect((await tributary(next, 1, 'shard', 'move', 'one', '--to', one.url, '--yes')).stderr).toMatch(
      /Nothing was changed/,
    );
    expect(await countsIn(central)).toEqual({ one: 10, two: 6 });
    expect(await central.query("select what from tributary.logbook where kind = 'shard-move'")).toEqual([
      { what: expect.stringMatching(/^moved shard one to postgresql:.*\.$/) },
    ]);
  }, 240_000);

  test('a promoted standby goes on where it has what central has; one that lacks something is refused', async () => {
    const primary = await givenServer();
    const { central, two } = await givenFleet({ events: 0 });
    const one = await givenDatabase({ server: primary });
    const file = fleetFile(central, { solo: one, two });
    await tributary(file, 0, 'install');
    const standby = await givenStandby(primary);
    const url = new URL(one.url);
    url.port = String(standby.port);
    const mover = withMover(file, async () => {
      await givenEvents(one, 'orders', 4);
      await untilMoved(central, 4);
      expect((await tributary(file, 1, 'shard', 'move', 'solo', '--to', url.href, '--yes')).stderr).toMatch(
        /takes no writes: promote it first/,
      );
      await standby.cutOff();
    });
    await mover;
    await standby.promote();
    const dead = await tributary(file, 1, 'shard', 'move', 'solo', '--to', url.href, '--yes');
    expect(dead.stderr).toMatch(/Shard solo/);
    const moved = await tributary(file, 0, 'shard', 'move', 'solo', '--to', url.href, '--gone', '--yes');
    expect(moved.stderr).toMatch(/The old server is not looked at: .* is lost/);
    const young = { ...one, url: url.href };
    const next = fleetFile(central, { solo: young, two });
    await withMover(next, async () => {
      const { database } = one;
      expect(database.port).not.toBe(standby.port);
      await tributary(next, 0, 'send', 'orders', '--shard', 'solo', '--data', 'late');
      await untilMoved(central, 5);
    });
    expect(await countsIn(central)).toEqual({ solo: 5 });
  }, 240_000);
});
