// Sources that lead to several central queues, and queues with several groups, in the dashboard of a real installation.
import { expect, test } from 'vitest';
import { faultsForAll, fitsTheScreen, openPage, picture } from '../support/browser/browser.ts';
import { addressOf } from '../support/browser/dashboard.ts';
import { givenFile } from '../support/installation/config-file.ts';
import { givenCluster } from '../support/installation/installation.ts';
import { startTributary } from '../support/processes/process.ts';
import { run } from '../support/processes/run-cli.ts';
import { until } from '../support/until.ts';

const HANDLERS = {
  'well.mjs': 'export default { async event() {} };',
  'fails.mjs': `export default { async event({ data }) {
    if (data === 'bad') throw new Error('no such customer'); } };`,
};

test('a source with routes and a queue with groups are shown where one looks', async () => {
  const { central, shards } = await givenCluster({ shards: 2 });
  const file = givenFile(
    [
      'name: shop',
      `central: '${central.url}'`,
      'shards:',
      ...shards.map(({ url }, at) => `  - { name: 's${at + 1}', host: alpha, url: '${url}' }`),
      'queues:',
      '  orders:',
      '    create: true',
      '    from: sales',
      '    groups:',
      '      billing: { workers: 1, handler: ./fails.mjs, retry: { attempts: 1 } }',
      '      search: { workers: 1, handler: ./well.mjs }',
      '  audit: { create: true, from: [sales, mails], workers: 1, handler: ./well.mjs }',
      'routes: all',
      "http: { listen: '127.0.0.1:0', actions: true }",
      '',
    ].join('\n'),
    { others: HANDLERS },
  );
  expect(await run(['-c', file, 'install'])).toMatchObject({ code: 0 });
  const program = startTributary(['-c', file, 'start', '--host', 'alpha', '--http', ':0']);
  const url = await addressOf(program);
  // Nothing of all this is a fault.
  await until(
    async () => {
      expect((await run(['-c', file, 'doctor'])).stdout).toMatch(/^All is well/);
      return true;
    },
    { what: 'a doctor that finds nothing', timeoutMs: 60_000 },
  );
  const { page, faults } = await openPage(url);
  await shards[0]?.query("select pgq.insert_event('sales', 'placed', n::text) from generate_series(1, 20) n");
  const [bad] = (await shards[0]?.query<{ id: number }>(
    "select pgq.insert_event('sales', 'placed', 'bad') as id",
  )) ?? [{ id: 0 }];

  const rows = page.getByRole('table', { name: 'Central queues' });
  await rows.getByRole('row', { name: /^orders\/billing.* 1 of 1/ }).waitFor({ timeout: 60_000 });
  expect(await rows.getByRole('rowheader').allInnerTexts()).toEqual([
    ...['orders', 'orders/billing', 'orders/search', 'audit'],
  ]);
  expect(await page.locator('.map').count()).toBe(2);
  await rows
    .getByRole('row', { name: /^orders\/billing/ })
    .getByRole('link', { name: '1', exact: true })
    .waitFor({
      timeout: 60_000,
    });
  await picture(page, 'kinds');

  // Of its source: all that it leads to, and a window that all are done with.
  await page.locator('.map[data-queue="audit"] .cell').first().click();
  await page.locator('.figure', { hasText: 'Central queues' }).getByText('orders, audit').waitFor();
  expect(
    await page.getByRole('navigation', { name: 'Sources of s1' }).getByRole('link').allInnerTexts(),
  ).toEqual([...['sales', 'mails']]);
  await until(
    async () => /\d m?s/.test(await page.locator('.figure', { hasText: 'Central to handled' }).innerText()),
    { what: 'a window that is handled', timeoutMs: 60_000 },
  );
  for (const name of ['orders/billing', 'orders/search', 'audit'])
    await page.locator('.figure', { hasText: `half of all events of ${name}` }).waitFor();
  expect(await faultsForAll(page)).toEqual([]);
  await picture(page, 'kinds-source');

  // What pauses the one pauses the other.
  await page.goto(`${url}#/queue/orders`);
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.getByText('Their sources feed audit as well: nothing comes there either.').waitFor();
  await page.keyboard.press('Escape');

  // Of an event: what became of it in each group, and of its copy.
  await page.goto(`${url}#/find?origin=s1%3Asales%3A${bad?.id}`);
  const verdict = (name: string) => page.locator('.verdict', { hasText: `${name}:` });
  await verdict('billing').getByText('dead', { exact: true }).waitFor({ timeout: 60_000 });
  await verdict('search').getByText('handled', { exact: true }).waitFor({ timeout: 60_000 });
  await verdict('audit').getByText('handled', { exact: true }).waitFor({ timeout: 60_000 });
  expect(await page.locator('.steps').innerText()).toMatch(
    /Handled in search[\s\S]*Dead in billing\s+handler, after 1 try\.\s+no such customer/,
  );
  expect(await faultsForAll(page)).toEqual([]);
  await picture(page, 'kinds-trace');

  // A retry by command is seen, and stopped from here.
  await central.query(
    `insert into tributary.dead_event (kind, central_queue, group_name, ev_id, ev_time, ev_type, ev_data, error)
     select 'handler', 'orders', 'billing', -n, now(), 'placed', 'late', 'no' from generate_series(1, 500) n`,
  );
  const command = run(['-c', file, 'dead', 'retry', '--all', '--yes', '--rate', '5/s']);
  await page.goto(`${url}#/dead`);
  const retry = page.getByRole('region', { name: 'Being retried' });
  await retry.getByText(/^[1-9]\d* of 501 events$/).waitFor({ timeout: 60_000 });
  expect(await retry.innerText()).toMatch(/501 dead events: 501 of orders\/billing \(handler\)/);
  expect(await faultsForAll(page)).toEqual([]);
  await picture(page, 'kinds-retry');
  await page.setViewportSize({ width: 360, height: 740 });
  expect(await fitsTheScreen(page)).toBe(true);
  await retry.getByRole('button', { name: 'Stop' }).click();
  expect(await command).toMatchObject({ code: 1, stderr: expect.stringContaining('from the dashboard') });
  await retry.waitFor({ state: 'detached' });
  expect(faults).toEqual([]);
});
