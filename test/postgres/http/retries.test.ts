// Retries of dead events that the pages of two hosts, or commands, begin, show and stop.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { expect, onTestFinished, test } from 'vitest';
import { CentralPool } from '../../../src/central/central-pool.ts';
import { beatDeadRun, readDeadRuns } from '../../../src/central/logbook/dead-runs.ts';
import { Retries } from '../../../src/http/dashboard/retries.ts';
import { givenConfig } from '../../support/installation/config-file.ts';
import { run } from '../../support/processes/run-cli.ts';
import { until } from '../../support/until.ts';
import { GROUP, givenWorkerCentral } from '../../support/workers/worker-central.ts';

const WHICH = { queue: 'orders', kind: 'handler', error: 'no' } as const;
const SILENT_MS = 60_000;

async function given() {
  const central = await givenWorkerCentral();
  await central.query(
    `insert into tributary.dead_event (kind, central_queue, ev_id, ev_time, ev_type, ev_data, error)
     select 'handler', 'orders', n, now(), 'placed', '{}', 'no' from generate_series(1, 40) n`,
  );
  const config = givenConfig(`name: test
central: '${central.url}'
shards: [{ name: s1, url: postgresql://db/s1 }]
queues: { orders: { workers: none } }
`);
  const host = (name: string) => {
    const pool = new CentralPool(config, { purpose: 'test', most: 2 });
    const retries = new Retries(pool, { group: GROUP, host: name });
    onTestFinished(async () => {
      await retries.close();
      await pool.close();
    });
    return { pool, retries };
  };
  const begin = (retries: Retries, perSecond = 2) =>
    retries.begin(
      WHICH,
      {
        filter: { queue: 'orders', kind: 'handler', upTo: 40 },
        queues: ['orders'],
        words: '40 dead events of orders (handler)',
        operator: { who: 'ann', via: 'page' },
      },
      { events: 40, perSecond },
    );
  return { central, config, host, begin };
}

test('a retry of one host is seen by the others, not begun twice, and stopped by any of them', async () => {
  const { central, host, begin } = await given();
  const [alpha, beta] = [host('alpha'), host('beta')];
  await begin(alpha.retries);
  const seen = await until(
    async () => (await readDeadRuns(beta.pool, SILENT_MS)).find(({ done }) => done > 0),
    { what: 'a retry that gets on' },
  );
  expect(seen).toEqual({
    ...WHICH,
    ...{ id: seen.id, host: 'alpha', who: 'ann', what: null, done: seen.done, events: 40, perSecond: 2 },
  });
  await expect(begin(beta.retries)).rejects.toMatchObject({
    status: 409,
    message: 'These are being retried already, by host alpha.',
  });
  expect(await beta.retries.stop(seen.id)).toMatchObject({ host: 'alpha', events: 40 });
  await until(async () => (await readDeadRuns(beta.pool, SILENT_MS)).length === 0, { what: 'its end' });
  const [left] = await central.query<{ n: number }>(
    'select count(*)::int as n from tributary.dead_event where redriven_at is null and redriven = 0',
  );
  expect(left?.n).toBeGreaterThan(0);
  expect(await beta.retries.stop(seen.id)).toBeUndefined();
  // What was stopped can be begun again, by whom it may be.
  await begin(beta.retries, 1_000);
  await until(async () => (await readDeadRuns(alpha.pool, SILENT_MS)).length === 0, {
    what: 'the end of all',
  });
  expect(await central.query('select from tributary.dead_event where redriven_at is null')).toEqual([]);
});

test('a retry of a command is seen and stopped by a page as well', async () => {
  const { central, config, host } = await given();
  const page = host('alpha');
  const command = run(['-c', config.file, 'dead', 'retry', '--all', '--yes', '--rate', '2/s']);
  const seen = await until(
    async () => (await readDeadRuns(page.pool, SILENT_MS)).find(({ done }) => done > 0),
    { what: 'a retry that gets on' },
  );
  expect(seen).toMatchObject({
    ...{ queue: 'orders', kind: 'handler', error: null, what: '40 dead events: 40 of orders (handler)' },
    ...{ host: hostname(), who: expect.stringMatching(/^\S+@\S+$/), events: 40, perSecond: 2 },
  });
  expect(await page.retries.stop(seen.id)).toMatchObject({ id: seen.id });
  const { code, stderr } = await command;
  const [left] = await central.query<{ n: number }>(
    'select count(*)::int as n from tributary.dead_event where redriven_at is null',
  );
  expect([code, stderr]).toEqual([
    1,
    expect.stringContaining(`Stopped from the dashboard; ${left?.n} dead events are as before.`),
  ]);
  // As fast as it goes, and gone at its end.
  expect((await run(['-c', config.file, 'dead', 'retry', '--all', '--yes'])).code).toBe(0);
  expect(await central.query('select from tributary.dead_run')).toEqual([]);
});

test('a retry whose process is gone is not shown, and its row goes with the next one', async () => {
  const { central, host } = await given();
  const { pool } = host('alpha');
  const said = { host: 'gone', who: 'ann', what: null, done: 3, events: 40, perSecond: 2 };
  const known = { ...WHICH, ...said, id: randomUUID() };
  expect(await beatDeadRun(pool, known)).toBe(false);
  expect(await readDeadRuns(pool, SILENT_MS)).toEqual([known]);
  await central.query("update tributary.dead_run set seen_at = seen_at - interval '2 hours'");
  expect(await readDeadRuns(pool, SILENT_MS)).toEqual([]);
  await beatDeadRun(pool, { ...known, id: randomUUID(), host: 'alpha' });
  expect(await central.query('select host from tributary.dead_run')).toEqual([{ host: 'alpha' }]);
});
