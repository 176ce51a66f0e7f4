// Shards that end: drained, retired, split and merged while real movers run, are paused, are dead, or the command is killed.
import { describe, expect, test } from 'vitest';
import { givenCluster, givenEvents } from '../../support/installation/installation.ts';
import { givenProxy } from '../../support/network/proxy.ts';
import { startTributary } from '../../support/processes/process.ts';
import { givenDatabase, type TestDatabase } from '../../support/server/database.ts';
import { givenCopy } from '../../support/server/restore.ts';
import { until } from '../../support/until.ts';
import {
  consumersOn,
  countsIn,
  fleetFile,
  givenFleet,
  originsIn,
  statesOf,
  tributary,
  untilMoved,
  withMover,
} from './fleet.ts';

/** A transaction for each event, some hundred a second, until it is cancelled. */
const PRODUCING = `do $$ begin
  loop
    perform pgq.insert_event('orders', 'made', 'x');
    commit;
    perform pg_sleep(0.003);
  end loop;
end $$`;

describe('retire', () => {
  test('a shard is drained and retired while its mover runs; its name stays taken, and it begins anew only where that is said', async () => {
    const { central, one, two, file } = await givenFleet();
    await withMover(file, async () => {
      const dry = await tributary(file, 0, 'shard', 'drain', 'one', '--dry-run');
      expect(dry.stdout).toMatch(/^Would wait until \d+ events? of one/);
      expect((await tributary(file, 0, 'shard', 'drain', 'one')).stdout).toMatch(
        /^Shard one is drained: everything that was on it is in central, up to tick \d+ of orders\.$/m,
      );
      expect((await countsIn(central)).one).toBe(5);

      expect((await tributary(file, 0, 'shard', 'retire', 'one', '--dry-run')).stdout).toMatch(
        /Shard one ends: 1 source, 5 events moved, 0 events to be moved first.*cannot be undone/,
      );
      expect((await tributary(file, 2, 'shard', 'retire', 'one')).stderr).toMatch(/add --yes/);
      expect([await statesOf(central, 'one'), await consumersOn(one)]).toEqual([['active'], 1]);
      await givenEvents(one, 'orders', 3);
      const ended = await tributary(file, 0, 'shard', 'retire', 'one', '--yes');
      expect(ended.stdout).toMatch(/one:orders +ended .* 8 +0 +yes +no/);
      expect(ended.stdout).toMatch(/Now take one out of/);
      expect([await statesOf(central, 'one'), await consumersOn(one)]).toEqual([['retired'], 0]);
      // The same again finds nothing to do.
      await tributary(file, 0, 'shard', 'retire', 'one', '--yes');

      await givenEvents(one, 'orders', 2);
      await givenEvents(two, 'orders', 2);
      await untilMoved(central, 15);
    });
    expect(await countsIn(central)).toEqual({ one: 8, two: 7 });
    expect(
      await central.query('select kind, what from tributary.logbook where kind = $1', ['shard-retire']),
    ).toEqual([{ kind: 'shard-retire', what: 'retired shard one (1 source).' }]);

    const said = /was retired at .*: take it out of the file; to begin it anew/;
    expect((await tributary(file, 1, 'install')).stderr).toMatch(said);
    expect((await tributary(file, 3, 'check')).stdout).toMatch(said);
    const other = await givenDatabase();
    const stolen = fleetFile(central, { one: other, two }, 'now');
    expect((await tributary(stolen, 1, 'install')).stderr).toMatch(
      /another database than the one that was retired .* say another `name:`/,
    );
    expect((await tributary(file, 1, 'shard', 'rename', 'two', 'one', '--yes')).stderr).toMatch(
      /one is the name of a shard that was retired/,
    );
    expect(await statesOf(central, 'two')).toEqual(['active']);
    const again = fleetFile(central, { one, two }, 'now');
    await tributary(again, 0, 'install');
    await withMover(again, async () => {
      await givenEvents(one, 'orders', 1);
      await untilMoved(central, 16);
    });
    expect(await countsIn(central)).toEqual({ one: 9, two: 7 });
  }, 180_000);

  test('without a mover, paused, or halted, nothing ends that has events waiting, and the sentence says what to do', async () => {
    const { central, one, file } = await givenFleet();
    const retire = (...more: string[]) =>
      tributary(file, 1, 'shard', 'retire', 'one', '--yes', '--wait', '0s', ...more);
    expect((await retire()).stderr).toMatch(
      /No mover holds shard one, and events wait there: start one on host h .* Nothing was changed\./,
    );
    await tributary(file, 0, 'pause', '--shard', 'one');
    expect((await retire()).stderr).toMatch(/one:orders is paused .*`tributary resume --shard one`/);
    await tributary(file, 0, 'resume', '--shard', 'one');
    await central.query(
      "select tributary.halt_source(id, 'diverged', 'for a test') from tributary.source where shard = 'one'",
    );
    expect((await retire()).stderr).toMatch(
      /one:orders is halted \(for a test\): `tributary repair one:orders/,
    );
    expect([await statesOf(central, 'one'), await consumersOn(one)]).toEqual([['halted'], 1]);

    // A server that is gone for good.
    const gone = fleetFile(central, { one });
    expect((await tributary(gone, 1, 'shard', 'retire', 'two', '--yes')).stderr).toMatch(
      /Shard two is not in .*Put it back until it is retired; or say --gone/,
    );
    const ended = await tributary(gone, 0, 'shard', 'retire', 'two', '--gone', '--yes');
    expect(ended.stderr).toMatch(/ends unseen: .* is lost\. This cannot be undone/);
    expect(await statesOf(central, 'two')).toEqual(['retired']);
    expect(await central.query('select seen from tributary.retired_source')).toEqual([{ seen: false }]);
  }, 120_000);

  test('while producers write it is refused; with --cut everything before the end is in central, and nothing behind it', async () => {
    const { central, one, file } = await givenFleet();
    await withMover(file, async () => {
      await untilMoved(central, 10);
      // The server goes on by itself: the command runs in this process, and would keep a producer in it waiting.
      const producer = await one.connect();
      const [backend] = await producer.query<{ pid: number }>('select pg_backend_pid() as pid');
      const load = producer.script(PRODUCING).catch(() => {});
      expect((await tributary(file, 1, 'shard', 'retire', 'one', '--yes')).stderr).toMatch(
        /Events still come in on one\. Nothing was changed\. Stop the producers/,
      );
      expect(await statesOf(central, 'one')).toEqual(['active']);
      await tributary(file, 0, 'shard', 'retire', 'one', '--yes', '--cut');
      const [{ n: before } = { n: 0 }] = await one.query<{ n: number }>(
        'select count(*) as n from pgq.event_template',
      );
      await until(
        async () =>
          ((await one.query<{ n: number }>('select count(*) as n from pgq.event_template'))[0]?.n ?? 0) >
          before,
        { what: 'producers to go on' },
      );
      await one.query('select pg_cancel_backend($1)', [backend?.pid]);
      await load;
      await producer.close();
    });
    const [end] = await central.query<{ tick_id: number }>(
      "select tick_id from tributary.retired_source where shard = 'one'",
    );
    const expected = await one.query<{ origin: string }>(
      `select 'one:orders:' || e.ev_id as origin from pgq.event_template e, pgq.tick t
       where t.tick_id = $1 and txid_visible_in_snapshot(e.ev_txid, t.tick_snapshot) order by e.ev_id`,
      [end?.tick_id],
    );
    const moved = (await originsIn(central)).filter((origin) => origin.startsWith('one:'));
    expect(moved.sort()).toEqual(expected.map(({ origin }) => origin).sort());
    expect(moved.length).toBeGreaterThan(5);
    expect(await consumersOn(one)).toBe(0);
  }, 120_000);

  test('a command that is killed between central and the shard goes on there when it is run again; of two at once one wins', async () => {
    const { central, one, file } = await givenFleet();
    await withMover(file, async () => {
      await untilMoved(central, 10);
      const holder = await one.connect();
      await holder.script('begin; select from pgq.consumer for update');
      const command = startTributary(['-c', file, 'shard', 'retire', 'one', '--yes']);
      await until(async () => (await statesOf(central, 'one'))[0] === 'retired', {
        what: 'its end on central',
      });
      command.kill('SIGKILL');
      await command.exit;
      // The server would do what it was told: it dies as well.
      await one.query(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = current_database() and application_name = 'tributary shard'",
      );
      await holder.script('rollback');
      expect(await consumersOn(one)).toBe(1);
      const twins = await Promise.all(
        [0, 1].map(() => startTributary(['-c', file, 'shard', 'retire', 'one', '--yes']).exit),
      );
      expect(twins.map(({ code }) => code)).toEqual([0, 0]);
      expect(await consumersOn(one)).toBe(0);

      const both = [0, 1].map(() => startTributary(['-c', file, 'shard', 'retire', 'two', '--yes']));
      const codes = (await Promise.all(both.map(({ exit }) => exit))).map(({ code }) => code);
      expect(codes).toContain(0);
      expect(await central.query("select from tributary.retired_source where shard = 'two'")).toHaveLength(1);
    });
    expect(await countsIn(central)).toEqual({ one: 5, two: 5 });
  }, 120_000);

  test('a shard that goes away in the middle is named, and the same command goes on; names may have quotes', async () => {
    const { central, shards } = await givenCluster({ shards: 2 });
    const [one, two] = shards as [TestDatabase, TestDatabase];
    const [odd, odder] = [`it's "one" \\ 50%`, `$1' or "1`];
    const address = new URL(one.url);
    const proxy = await givenProxy({ host: address.hostname, port: Number(address.port) });
    address.port = String(proxy.port);
    const fileWith = (name: string) =>
      fleetFile(central, { [JSON.stringify(name)]: { ...one, url: address.href }, two });
    const file = fileWith(odd);
    await tributary(file, 0, 'install');
    for (const shard of shards) await givenEvents(shard, 'orders', 3);
    const ticks = async () => (await one.query('select from pgq.tick')).length;
    const before = await ticks();
    // No mover runs: it waits until it is cut off.
    const cut = tributary(file, 1, 'shard', 'drain', odd);
    await until(async () => (await ticks()) > before, { what: 'its mark', timeoutMs: 60_000 });
    proxy.drop();
    expect((await cut).stderr).toMatch(
      /^Shard it's "one" \\ 50% \(\S+\) lost its connection.*\. Run this again: it goes on where it ended\.$/m,
    );
    expect((await tributary(file, 1, 'shard', 'retire', odd, '--yes')).stderr).toMatch(
      /^Shard it's "one" \\ 50% \(\S+\) /m,
    );
    expect(await statesOf(central, odd)).toEqual(['active']);
    proxy.heal();
    await withMover(file, async () => {
      expect((await tributary(file, 0, 'shard', 'drain', odd)).stdout).toContain(`Shard ${odd} is drained`);
    });
    await tributary(file, 0, 'pause', '--shard', odd);
    await tributary(file, 0, 'shard', 'rename', odd, odder, '--yes');
    const renamed = fileWith(odder);
    await tributary(renamed, 0, 'resume', '--shard', odder);
    await givenEvents(one, 'orders', 2);
    await withMover(renamed, async () => {
      expect((await tributary(renamed, 0, 'shard', 'retire', odder, '--yes')).stdout).toContain(
        `Now take ${odder} out of`,
      );
      await untilMoved(central, 8);
    });
    expect(await countsIn(central)).toEqual({ [odd]: 3, [odder]: 2, two: 3 });
    expect([await statesOf(central, odder), await consumersOn(one)]).toEqual([['retired'], 0]);
  }, 120_000);
});

describe('split and merge', () => {
  test('new shards begin behind the last event of the old one, whatever waits in them', async () => {
    const { central, one, two } = await givenFleet();
    const [red, blue] = [await givenDatabase(), await givenDatabase()];
    for (const shard of [red, blue]) {
      await shard.query("select pgq.create_queue('orders')");
      await givenEvents(shard, 'orders', 4);
    }
    const next = fleetFile(central, { one, two, red, blue });
    expect((await tributary(next, 2, 'shard', 'split', 'one', '--into', 'red,blu', '--yes')).stderr).toMatch(
      /did you mean `blue`/,
    );
    await withMover(next, async () => {
      const split = await tributary(next, 0, 'shard', 'split', 'one', '--into', 'red,blue', '--yes');
      expect(split.stderr).toMatch(/Shard red begins behind the end: 4 events wait there/);
      expect(split.stdout).toMatch(/blue:orders +begun/);
      await untilMoved(central, 18);
      const order = (await originsIn(central)).map((origin) => origin.split(':')[0]);
      expect(order.lastIndexOf('one')).toBeLessThan(
        order.findIndex((name) => name === 'red' || name === 'blue'),
      );
      // Done already, and in this way alone.
      await tributary(next, 0, 'shard', 'split', 'one', '--into', 'red,blue', '--yes');
      expect((await tributary(next, 1, 'shard', 'retire', 'one', '--yes')).stderr).toMatch(
        /was retired at .* \(red and blue took its place\)/,
      );

      const merged = await tributary(next, 0, 'shard', 'merge', 'red,two', '--into', 'blue', '--yes');
      expect(merged.stderr).toMatch(/Shard blue has sources already and goes on as it is/);
      await givenEvents(blue, 'orders', 2);
      await untilMoved(central, 20);
    });
    expect(await countsIn(central)).toEqual({ one: 5, two: 5, red: 4, blue: 6 });
    expect([await consumersOn(one), await consumersOn(two), await consumersOn(red)]).toEqual([0, 0, 0]);
    await tributary(fleetFile(central, { blue }), 0, 'check');
  }, 180_000);

  test('copies begin at the tick behind which the old one has nothing; one from before its end is refused', async () => {
    const { central, one, two, file } = await givenFleet();
    await withMover(file, () => untilMoved(central, 10));
    const early = await givenCopy(one);
    await givenEvents(one, 'orders', 3);
    await withMover(file, () => untilMoved(central, 13));
    const wrong = fleetFile(central, { one, two, early });
    expect((await tributary(wrong, 1, 'shard', 'split', 'one', '--into', 'early', '--yes')).stderr).toMatch(
      /was copied from one when that had not come to its end: 3 events of orders came later/,
    );
    expect(await statesOf(central, 'one')).toEqual(['active']);

    const [red, blue] = [await givenCopy(one), await givenCopy(one)];
    await givenEvents(red, 'orders', 2);
    const next = fleetFile(central, { one, two, red, blue });
    await withMover(next, async () => {
      const split = await tributary(next, 0, 'shard', 'split', 'one', '--into', 'red,blue', '--yes');
      expect(split.stderr).toMatch(
        /Shard red is a copy and begins at tick \d+ of orders.*: 2 events wait there/,
      );
      await givenEvents(blue, 'orders', 1);
      await untilMoved(central, 16);
    });
    expect(await countsIn(central)).toEqual({ one: 8, two: 5, red: 2, blue: 1 });
  }, 180_000);
});
