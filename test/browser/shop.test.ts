// The demo's shop: a page of another site than Tributary's, whose orders become invoices while one looks.
import { expect, test } from 'vitest';
import { startDemo } from '../scenario/cli/demo.ts';
import { faultsForAll, fitsTheScreen, openPage, picture } from '../support/browser/browser.ts';
import { until } from '../support/until.ts';

const SHOP = /^The shop, whose orders become invoices as you look: (http:\S+)$/;

test('an order that is placed in the shop becomes an invoice before the eyes of the customer', async () => {
  const demo = startDemo('--shards', '2', '--rate', '100', '--for', '10m', '--http');
  const url = SHOP.exec(await demo.process.waitForLine(SHOP, { timeoutMs: 120_000 }))?.[1] ?? '';
  const { page, faults } = await openPage(url);
  await page.getByText('Listening.').waitFor({ timeout: 60_000 });
  const own = page.locator('tr.own');
  for (let orders = 1; orders <= 3; orders += 1) {
    await page.getByRole('button', { name: 'Order something' }).click();
    await until(async () => (await own.count()) === orders, { what: 'the order' });
    await until(async () => (await own.getByText(/^invoice \d+/).count()) === orders, {
      what: 'its invoice',
      timeoutMs: 60_000,
    });
  }
  expect(await faultsForAll(page)).toEqual([]);
  await picture(page, 'shop');
  await page.setViewportSize({ width: 360, height: 740 });
  expect(await fitsTheScreen(page)).toBe(true);
  await picture(page, 'shop-phone');
  // It asks Tributary, which is another site to a browser, for its stream, and nobody for anything else.
  expect(
    faults.filter((fault) => !/^asks http:\/\/127\.0\.0\.1:\d+\/live\?channel=invoices$/.test(fault)),
  ).toEqual([]);
  expect(faults).not.toEqual([]);
  // What was placed is in the proof as well.
  demo.process.kill('SIGINT');
  await demo.process.exit;
  await until(() => demo.leftovers().length === 0, { what: 'the end of everything' });
});
