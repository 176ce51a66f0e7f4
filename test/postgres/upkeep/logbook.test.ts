// The history of central queues, and the logbook: what is noted, by whom, and how both stay small.
import { randomUUID } from 'node:crypto';
import { describe, expect, onTestFinished, test } from 'vitest';
import { CentralLink } from '../../../src/central/central-link.ts';
import { noted } from '../../../src/central/logbook/note.ts';
import { readActions, readHappenings, readQueueHistory } from '../../../src/central/logbook/read.ts';
import type { Config } from '../../../src/config/config.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { leaseBeat } from '../../../src/coordination/lease-queries.ts';
import { replaceWorkers, scaleQueue } from '../../../src/coordination/scaling.ts';
import { givenInstalledHosts } from '../../support/installation/installed-hosts.ts';
import { run } from '../../support/processes/run-cli.ts';

const ANN = { who: 'ann@db01', via: 'cli' } as const;

async function given() {
  const hosts = await givenInstalledHosts({ alpha: 2 });
  const config = loadConfig(hosts.file, { env: process.env }).config as Config;
  const link = new CentralLink(config, 'test');
  onTestFinished(() => link.close());
  const marks = async (queue = 'orders') => {
    const all = await readHappenings(link, { queue, span: '1 hour', limit: 100 }, {});
    return all.map(({ kind, who, what }) => [kind, who, what]);
  };
  const note = async () => {
    const [row] = await hosts.central.query<{ is: boolean }>(
      `select tributary.note_history(array['orders', 'nowhere'], 'workers_tributary') as is`,
    );
    return row?.is;
  };
  return { ...hosts, link, marks, note, actions: () => readActions(link, 100, {}) };
}

describe('upkeep/logbook', () => {
  test('the history has a row for each queue every ten seconds, whoever asks for more', async () => {
    const { note, link, central } = await given();
    expect([await note(), await note()]).toEqual([true, false]);
    const early = "update tributary.queue_history_table set noted_at = noted_at - interval '10 seconds'";
    await central.query(early);
    expect(await note()).toBe(true);
    const rows = await central.query(
      'select central_queue, workers_wanted, retrying, dead from tributary.queue_history',
    );
    expect(rows).toEqual(Array(2).fill({ central_queue: 'orders', workers_wanted: 2, retrying: 0, dead: 0 }));
    // A clock that was set back must not keep it from being noted for as long.
    await central.query("update tributary.queue_history_table set noted_at = now() + interval '1 day'");
    expect(await note()).toBe(true);
    const steps = await readQueueHistory(link, { queue: 'orders', span: '1 hour', step: '2 minutes' }, {});
    expect(steps.length).toBeGreaterThanOrEqual(1);
    expect(steps.length).toBeLessThanOrEqual(2);
    expect(steps[0]).toMatchObject({ waiting: 0, age: 0 });
  });

  test('a day is always there: the older table is emptied when the other one is a day old, and not while it is read', async () => {
    const { note, central } = await given();
    const tables = async () =>
      (
        await central.query<{ in_0: number; in_1: number; current: number }>(
          `select (select count(*)::int from tributary.queue_history_0) as in_0,
              (select count(*)::int from tributary.queue_history_1) as in_1, current
           from tributary.queue_history_table`,
        )
      )[0];
    const aDayLater = () =>
      central.query(
        `update tributary.queue_history_table set switched_at = switched_at - interval '1 day', noted_at = noted_at - interval '1 day'`,
      );
    await note();
    expect(await tables()).toEqual({ in_0: 1, in_1: 0, current: 0 });
    await aDayLater();
    await note();
    expect(await tables()).toEqual({ in_0: 1, in_1: 1, current: 1 });
    const reader = await central.connect();
    await reader.script('begin; select * from tributary.queue_history_0');
    await aDayLater();
    await note();
    expect(await tables()).toEqual({ in_0: 1, in_1: 2, current: 1 });
    await reader.script('commit');
    await aDayLater();
    await note();
    expect(await tables()).toEqual({ in_0: 1, in_1: 2, current: 0 });
  });

  test('commands note what they changed, in the words of a sentence, and nothing where they changed nothing', async () => {
    const { file, actions, central, marks } = await given();
    const code = async (...args: string[]) => (await run(['-c', file, ...args])).code;
    expect(await code('pause', '--queue', 'orders', '--reason', 'mail moves')).toBe(0);
    expect(await code('pause', '--queue', 'orders')).toBe(0);
    expect(await code('resume', '--shard', 's1')).toBe(0);
    expect(await code('scale', 'orders', '5')).toBe(0);
    expect(await code('scale', 'orders', '--reset')).toBe(0);
    await run(['-c', file, 'reload', '--workers', '--wait', '1s']);
    await central.query(
      `insert into tributary.dead_event (kind, central_queue, ev_id, ev_time, ev_type, ev_data, error)
       select 'handler', 'orders', n, now(), 'placed', '{}', 'no' from generate_series(1, 3) n`,
    );
    expect(await code('dead', 'retry', '1', '--yes')).toBe(0);
    expect(await code('dead', 'discard', '--all', '--yes')).toBe(0);
    expect(await code('dead', 'discard', '--all', '--yes')).toBe(0);
    expect(await code('shard', 'rename', 's2', 's9', '--yes')).toBe(0);
    const found = (await actions()).reverse();
    expect(found.map(({ kind, what }) => [kind, what])).toEqual([
      ['pause', 'paused 2 sources of orders: mail moves.'],
      ['resume', 'resumed source s1:orders.'],
      ['scale', 'scaled orders from 2 to 5 workers.'],
      ['scale', 'scaled orders from 5 to 2 workers, as in the file.'],
      ['reload', 'replaced the workers of orders by new ones.'],
      ['dead-retry', 'began to retry 1 dead event: 1 of orders (handler).'],
      ['dead-discard', 'discarded 2 dead events: 2 of orders (handler).'],
      ['shard-rename', 'renamed shard s2 to s9.'],
    ]);
    expect(new Set(found.map(({ via }) => via))).toEqual(new Set(['cli']));
    expect(found[0]?.who).toMatch(/^\S+@\S+$/);
    expect((await marks()).length).toBe(found.length);
    expect((await marks('orders/billing')).length).toBe(found.length);
    expect((await marks('mails')).map(([kind]) => kind)).toEqual(['shard-rename']);
  });

  test('the note is part of the action: none without it, and no action without the note', async () => {
    const { link, actions, central } = await given();
    await expect(scaleQueue(link, { queue: 'nowhere', wanted: 3, operator: ANN })).rejects.toThrow(
      'has no workers',
    );
    expect(await actions()).toEqual([]);
    await central.query("alter table tributary.logbook add constraint no check (kind <> 'scale')");
    await expect(scaleQueue(link, { queue: 'orders', wanted: 7, operator: ANN })).rejects.toThrow('logbook');
    expect(await central.query('select wanted from tributary.worker_pool')).toEqual([{ wanted: 2 }]);
    await replaceWorkers(link, { queues: ['orders'], operator: ANN });
    expect((await actions())[0]).toMatchObject({ who: 'ann@db01', via: 'cli', kind: 'reload' });
  });

  test('texts of a note are texts', async () => {
    const { link, actions } = await given();
    const odd = `it's \\ "x"; drop table tributary.logbook --`;
    await noted(link, { who: odd, via: 'page' }, async () => ({
      result: undefined,
      note: { kind: 'pause', queues: [odd], what: odd },
    }));
    expect((await actions())[0]).toMatchObject({ who: odd, what: odd });
  });

  test('a deploy, a takeover and a halt mark the charts, and only such', async () => {
    const { central, marks } = await given();
    const beat = async (id: string, host: string, version: string, wanted: string[] = []) => {
      const connection = await central.connect();
      await leaseBeat(
        connection,
        { id, kind: 'mover', host, version, fileHash: () => 'f' },
        { beat: { ttlMs: 10_000, wanted, maxNew: 99, release: [] }, resources: [], timeoutMs: 5_000 },
      );
    };
    const [first, second] = [randomUUID(), randomUUID()];
    await beat(first, 'alpha', '1.0', ['shard:s1', 'shard:s2']);
    await beat(first, 'alpha', '1.0');
    await beat(randomUUID(), 'alpha', '1.0');
    await beat(second, 'beta', '1.0');
    expect(await marks()).toEqual([]);
    await beat(randomUUID(), 'alpha', '1.1');
    await central.query(
      `update tributary.member set until = now() - interval '1 minute', seen_at = now() - interval '1 minute' where id = '${first}'`,
    );
    await central.query(
      `update tributary.member set unbroken_since = now() - interval '1 hour' where id = '${second}'`,
    );
    await beat(second, 'beta', '1.0', ['shard:s1', 'shard:s2']);
    await central.query(
      "select tributary.halt_source(id, 'diverged', 'It is.') from tributary.source where shard = 's1'",
    );
    await central.query(
      "select tributary.halt_source(id, 'diverged', 'It is.') from tributary.source where shard = 's1'",
    );
    expect(await marks()).toEqual([
      ['deploy', undefined, 'The mover of host alpha: version 1.1 after 1.0.'],
      ['take-over', undefined, 'beta took over 2 leases from a process of alpha that was silent.'],
      ['halt', undefined, 'Source s1:orders was halted (diverged).'],
    ]);
  });

  test('what was noted long ago goes, a thousand at a time', async () => {
    const { central } = await given();
    await central.query(
      `insert into tributary.logbook (at, via, kind, what) select now() - n * interval '1 day', 'program', 'halt', '' from generate_series(1, 100) n`,
    );
    const expire = async (limit: number) =>
      (await central.query<{ n: number }>(`select tributary.log_expire('90 days', ${limit}) as n`))[0]?.n;
    expect([await expire(4), await expire(1_000), await expire(1_000)]).toEqual([4, 7, 0]);
  });
});
