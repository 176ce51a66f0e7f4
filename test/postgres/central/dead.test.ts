import { readFileSync, writeFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { CentralLink } from '../../../src/central/central-link.ts';
import type { Config } from '../../../src/config/config.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { CentralUpkeep } from '../../../src/upkeep/central-upkeep.ts';
import { givenFile } from '../../support/installation/config-file.ts';
import { fileFor, givenCluster } from '../../support/installation/installation.ts';
import { run } from '../../support/processes/run-cli.ts';
import type { TestDatabase } from '../../support/server/database.ts';

const GROUP = 'workers_shop';
const HANDLER = 'export default { async event() {} };';

interface Waiting {
  readonly ev_id: number;
  readonly ev_retry: number | null;
  readonly ev_data: string;
  readonly ev_extra4: string;
}

/** An installation with `deaths` dead events on orders: ids 1, 2, …; origins s1:orders:1, … */
async function givenDead(deaths: number) {
  const cluster = await givenCluster();
  const queues = [
    '  orders: { create: true, workers: 1, handler: ./handler.mjs }',
    '  emails: { create: true, workers: 1, handler: ./handler.mjs }',
  ].join('\n');
  const file = givenFile(fileFor(cluster, { queues }), { others: { 'handler.mjs': HANDLER } });
  const { central } = cluster;
  const tributary = (...args: string[]) => run(['-c', file, ...args]);
  const installed = await tributary('install');
  expect(installed.code, installed.stderr).toBe(0);
  await bury(central, 'orders', deaths);
  return { central, file, tributary };
}

async function bury(central: TestDatabase, queue: string, deaths: number): Promise<void> {
  await central.query(
    `select tributary.bury($1, $2, (select json_agg(json_build_object(
       'id', n, 'time', '2026-01-02 03:04:05.678901+00', 'retry', 4, 'type', 'made', 'data', 'data ' || n, 'extra1', 'one',
       'extra4', 's1:' || $1 || ':' || n, 'origin', 's1:' || $1 || ':' || n, 'kind', 'handler', 'attempts', 5,
       'error', 'boom ' || n)) from generate_series(1, $3::int) n))`,
    [queue, GROUP, deaths],
  );
}

const waiting = (central: TestDatabase) =>
  central.query<Waiting>('select ev_id, ev_retry, ev_data, ev_extra4 from pgq.retry_queue order by ev_id');

/** Hands everything that waits to one member of the group, and finishes it. */
async function takeAll(central: TestDatabase, queue = 'orders'): Promise<Record<string, unknown>[]> {
  while (((await central.query<{ n: number }>('select pgq.maint_retry_events() as n'))[0]?.n ?? 0) > 0);
  await central.query('select tributary.tick($1, null)', [queue]);
  await central.query('select tributary.coop_register($1, $2, $3)', [queue, GROUP, 'm']);
  const all: Record<string, unknown>[] = [];
  for (;;) {
    const [batch] = await central.query<{ batch_id: number | null }>(
      'select * from tributary.coop_next_batch($1, $2, $3, null, null, null, null)',
      [queue, GROUP, 'm'],
    );
    if (batch?.batch_id == null) return all;
    all.push(
      ...(await central.query(
        `select ev_id, ev_retry, ev_type, ev_data, ev_extra1, ev_extra4, ev_time = '2026-01-02 03:04:05.678901+00' as same_time
           from pgq.get_batch_events($1)`,
        [batch.batch_id],
      )),
    );
    await central.query('select tributary.coop_finish_batch($1)', [batch.batch_id]);
  }
}

describe('dead retry and dead show', () => {
  test('dead show prints all of an event without control characters, and exactly what it is in JSON', async () => {
    const { central, tributary } = await givenDead(1);
    const data = '{"a":\u001b[2J1}\nerror:        forged\u009b31m \u202e';
    await central.query('update tributary.dead_event set ev_data = $1, error = $2', [
      data,
      'boom\u001b]52;c;aGk=\u0007',
    ]);
    const { code, stdout } = await tributary('dead', 'show', '1');
    expect(code).toBe(0);
    expect(stdout).not.toMatch(/[^\n\P{Cc}]|\u202e/u);
    expect(stdout.split('\n').filter((line) => line.startsWith('error:'))).toEqual(['error:        boom']);
    expect(stdout).toContain('forged');
    const shown = await tributary('dead', 'show', '1', '--json');
    expect(JSON.parse(shown.stdout)).toMatchObject({ data, error: 'boom\u001b]52;c;aGk=\u0007' });
    expect(shown.stdout).not.toMatch(/[^\n\P{Cc}]/u);
  });

  test('what the file redacts is not shown, not in JSON either', async () => {
    const { central, file, tributary } = await givenDead(2);
    writeFileSync(
      file,
      readFileSync(file, 'utf8').replace('orders: {', 'orders: { redact: [data.card.number, extra1],'),
    );
    await central.query('update tributary.dead_event set ev_data = $1 where id = 1', [
      '{"card": {"number": "4111", "name": "Ann"}}',
    ]);
    await central.query(
      "update tributary.dead_event set ev_data = null, kind = 'poison', raw = 'data 4111', raw_length = 9 where id = 2",
    );
    const { stdout } = await tributary('dead', 'show', '1');
    expect(stdout).toContain('data:         {"card": {"number": "[redacted]", "name": "Ann"}}');
    expect(stdout).toContain('extra1:       [redacted]');
    const shown = await tributary('dead', 'show', '2', '--json');
    expect(JSON.parse(shown.stdout)).toMatchObject({ data: null, raw: '[redacted]', extra4: 's1:orders:2' });
  });

  test('an empty text means no dead event, least of all every one', async () => {
    const { central, tributary } = await givenDead(3);
    for (const option of ['--error', '--queue', '--shard', '--type']) {
      for (const command of [['discard', '--yes'], ['retry', '--yes'], ['list']]) {
        expect(await tributary('dead', ...command, option, '')).toMatchObject({
          code: 2,
          stderr: `${option} is empty: give it a value, or leave it out.\n`,
        });
      }
    }
    const [gone] = await central.query<{ n: number }>(
      `select tributary.dead_discard('{"error": ""}', 100) as n`,
    );
    expect(gone?.n).toBe(0);
    expect(await central.query('select from tributary.dead_event where redriven_at is null')).toHaveLength(3);
  });

  test('an event goes back to its group as it was, with all its tries, and its row stays as history', async () => {
    const { central, tributary } = await givenDead(3);
    const ran = await tributary('dead', 'retry', '2');
    expect(ran).toEqual({
      code: 0,
      stdout: '1 dead event: 1 of orders (handler).\n1 dead event handed out again.\n',
      stderr: '',
    });
    expect(await takeAll(central)).toEqual([
      {
        ...{ ev_id: 2, ev_retry: 0, ev_type: 'made', ev_data: 'data 2', ev_extra1: 'one' },
        ...{ ev_extra4: 's1:orders:2', same_time: true },
      },
    ]);
    expect((await tributary('dead', 'list')).stdout).not.toMatch(/boom 2/);
    expect((await tributary('dead', 'list')).stdout).toMatch(/boom 1/);
    expect((await tributary('dead', 'list', '--redriven')).stdout).toMatch(
      /handed out.*\n(.*\n)*.*20\d\d-.*boom 2/,
    );
    expect((await tributary('dead', 'show', '2')).stdout).toMatch(/^redriven: +20\d\d-/m);
    expect(await tributary('dead', 'retry', '2')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^The id is of no dead event/),
    });
    const lag = JSON.parse((await tributary('lag', '--json')).stdout) as {
      central: { queue: string; dead: number }[];
    };
    expect(lag.central.find(({ queue }) => queue === 'orders')?.dead).toBe(2);
  });

  test.each([
    [['--queue', 'orders'], 4],
    [['--queue', 'emails'], 2],
    [['--shard', 's1', '--queue', 'emails'], 2],
    [['--shard', 's1', '--type', 'other'], 0],
    [['--type', 'made'], 6],
    [['--error', 'boom 4'], 1],
    [['--older-than', '1h'], 0],
    [['--kind', 'handler'], 6],
    [['--kind', 'killed'], 0],
    [['--all'], 6],
  ])('%j means %i of them, and --dry-run only says so', async (args, count) => {
    const { central, tributary } = await givenDead(4);
    await bury(central, 'emails', 2);
    const dry = await tributary('dead', 'retry', ...args, '--dry-run');
    expect(dry.stdout).toMatch(count === 0 ? /^No dead events/ : new RegExp(`^${count} dead event`));
    expect(await waiting(central)).toEqual([]);
    const ran = await tributary('dead', 'retry', ...args, '--yes');
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    expect(await waiting(central)).toHaveLength(count);
  });

  test('without a choice of events, or without --yes and a terminal to ask on, nothing changes and the exit code is 2', async () => {
    const { central, tributary } = await givenDead(2);
    for (const verb of ['retry', 'discard']) {
      expect(await tributary('dead', verb)).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/^Say which/),
      });
      expect(await tributary('dead', verb, '--all')).toMatchObject({
        code: 2,
        stdout: '2 dead events: 2 of orders (handler).\n',
        stderr: `There is no terminal to ask on, so nothing was changed: add --yes to ${verb} them.\n`,
      });
      expect(await tributary('dead', verb, '1', '--all')).toMatchObject({ code: 2 });
      expect(await tributary('dead', verb, 'x')).toMatchObject({ code: 2 });
    }
    expect(await tributary('dead', 'retry', '1', '--rate', 'fast')).toMatchObject({ code: 2 });
    expect(await waiting(central)).toEqual([]);
    expect(JSON.parse((await tributary('dead', 'list', '--json')).stdout).total).toBe(2);
  });

  test('on a terminal it asks', async () => {
    const { central, file } = await givenDead(2);
    const answer = async (text: string) => {
      let stdout = '';
      const write = (more: string) => {
        stdout += more;
      };
      const stdin = Object.assign(Readable.from([Buffer.from(text)]), { isTTY: true });
      await run(['-c', file, 'dead', 'retry', '1', '2'], {
        stdin,
        stdout: { write, isTTY: true, columns: 120 },
      });
      return stdout;
    };
    expect(await answer('no\n')).toMatch(/Shall I retry them\? \[y\/N\] Nothing was changed/);
    expect(await waiting(central)).toEqual([]);
    expect(await answer('y\n')).toMatch(/2 dead events handed out again/);
    expect(await waiting(central)).toHaveLength(2);
  });

  test('an event whose id already waits for a retry stays dead, and the command says so', async () => {
    const { central, tributary } = await givenDead(2);
    await bury(central, 'orders', 1);
    const ran = await tributary('dead', 'retry', '--all', '--yes');
    expect(ran.code).toBe(1);
    expect(ran.stdout).toMatch(
      /2 dead events handed out again\.\n1 dead event left, because an event with the same id/,
    );
    expect(await waiting(central)).toHaveLength(2);
    expect(JSON.parse((await tributary('dead', 'list', '--json')).stdout).total).toBe(1);
  });

  test('many events are retried in small transactions at the rate that is asked for', async () => {
    const { central, tributary } = await givenDead(120);
    const startedMs = Date.now();
    const ran = await tributary('dead', 'retry', '--all', '--yes', '--rate', '200/s');
    expect(Date.now() - startedMs).toBeGreaterThan(450);
    expect(ran.stdout).toMatch(/120 dead events handed out again/);
    const [seen] = await central.query(
      'select count(distinct xmin::text) > 3 as small, count(*)::int as n from pgq.retry_queue',
    );
    expect(seen).toEqual({ small: true, n: 120 });
  });

  test('two commands at once hand each event out once', async () => {
    const { central, tributary } = await givenDead(200);
    const both = await Promise.all([1, 2].map(() => tributary('dead', 'retry', '--all', '--yes')));
    expect(both.map(({ code, stderr }) => [code, stderr])).toEqual([
      [0, ''],
      [0, ''],
    ]);
    await takeAll(central);
    const [seen] = await central.query(
      'select count(*)::int as n, sum(redriven)::int as times from tributary.dead_event where redriven_at is not null',
    );
    expect(seen).toEqual({ n: 200, times: 200 });
  });

  test('where the group is gone nothing is changed, and a sentence says what to do', async () => {
    const { central, tributary } = await givenDead(2);
    await bury(central, 'emails', 1);
    await central.query('select tributary.coop_drop_group($1, $2)', ['emails', GROUP]);
    expect(await tributary('dead', 'retry', '--all', '--yes')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^Queue emails has no group workers_shop any more.*Nothing was changed\.\n$/,
      ),
    });
    expect(await waiting(central)).toEqual([]);
    await central.query('select pgq.drop_queue($1)', ['emails']);
    expect(await tributary('dead', 'retry', '--queue', 'emails', '--yes')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^Queue emails does not exist any more/),
    });
    expect((await tributary('dead', 'retry', '--queue', 'orders', '--yes')).code).toBe(0);
    expect(await waiting(central)).toHaveLength(2);
  });
});

describe('dead discard', () => {
  test('deletes the chosen events and nothing else', async () => {
    const { central, tributary } = await givenDead(5);
    expect((await tributary('dead', 'discard', '--all', '--dry-run')).stdout).toBe(
      '5 dead events: 5 of orders (handler).\n',
    );
    expect((await tributary('dead', 'discard', '1', '3')).stdout).toMatch(/2 dead events discarded/);
    await tributary('dead', 'retry', '2');
    expect((await tributary('dead', 'discard', '--queue', 'orders', '--yes')).stdout).toMatch(
      /2 dead events discarded/,
    );
    expect(await central.query('select id from tributary.dead_event')).toEqual([{ id: 2 }]);
    expect((await tributary('dead', 'discard', '--all', '--redriven', '--yes')).stdout).toMatch(
      /1 dead event discarded/,
    );
    expect(await central.query('select id from tributary.dead_event')).toEqual([]);
    expect(await waiting(central)).toHaveLength(1);
  });

  test('dead events are summed up by error, queue or type; numbers do not tell errors apart', async () => {
    const { central, tributary } = await givenDead(3);
    await bury(central, 'emails', 2);
    await central.query(
      'update tributary.dead_event set error = \'relation "x" is missing\', ev_type = null where id = 5',
    );
    const sums = async (by: string, ...more: string[]) =>
      JSON.parse((await tributary('dead', 'list', '--by', by, '--json', ...more)).stdout);
    expect(await sums('error')).toMatchObject({
      ...{ by: 'error', total: 2 },
      sums: [
        { what: 'boom N', queues: ['emails', 'orders'], events: 4 },
        { what: 'relation "x" is missing', queues: ['emails'], events: 1 },
      ],
    });
    expect((await sums('queue')).sums).toMatchObject([
      { what: 'orders', events: 3 },
      { what: 'emails', events: 2 },
    ]);
    expect((await sums('type', '--queue', 'emails')).sums).toMatchObject([
      { what: 'made', events: 1 },
      { what: null, events: 1 },
    ]);
    const { stdout } = await tributary('dead', 'list', '--by', 'error', '--limit', '1');
    expect(stdout).toMatch(
      /^ *events +queues +first died +last died +error\n +4 +emails, orders +.* +boom N\n… and 1 more/,
    );
  });

  test('an unknown queue or shard is named, instead of "No dead events"', async () => {
    const { central, tributary } = await givenDead(1);
    for (const command of [['list'], ['list', '--by', 'error'], ['retry', '--yes'], ['discard', '--yes']]) {
      const ran = await tributary('dead', ...command, '--queue', 'order');
      expect({ code: ran.code, stdout: ran.stdout }).toEqual({ code: 2, stdout: '' });
      expect(ran.stderr).toMatch(
        /^There is no central queue order in \S+, and no dead event of it: did you mean orders\?$/m,
      );
    }
    expect((await tributary('dead', 'list', '--shard', 'nowhere')).code).toBe(2);
    expect(await tributary('dead', 'list', '--queue', 'emails')).toMatchObject({
      code: 0,
      stdout: 'No dead events.\n',
    });
    // Of a queue that has left the file there may still be some.
    await central.query("update tributary.dead_event set central_queue = 'former'");
    expect(await tributary('dead', 'list', '--queue', 'former')).toMatchObject({ code: 0, stderr: '' });
  });

  test('where the file says how long dead events are kept, older ones go, and those of other queues stay', async () => {
    const { central, file } = await givenDead(3);
    await bury(central, 'emails', 1);
    await central.query(
      "update tributary.dead_event set died_at = now() - interval '10 days' where id in (1, 2, 4)",
    );
    await central.query('update tributary.dead_event set redriven_at = now() where id = 2');
    const config = loadConfig(file, { env: process.env }).config as Config;
    const link = new CentralLink(config, 'test');
    const upkeep = new CentralUpkeep(link, {
      group: 'workers',
      queues: config.queues.map((queue) =>
        queue.name === 'orders' ? { ...queue, deadMs: 9 * 86_400_000 } : queue,
      ),
      onTrouble: (what, error) => {
        throw new Error(what, { cause: error });
      },
      onRotation: () => {},
    });
    await upkeep.runOnce();
    await link.close();
    expect(await central.query('select id from tributary.dead_event order by id')).toEqual([
      { id: 2 },
      { id: 3 },
      { id: 4 },
    ]);
  });
});
