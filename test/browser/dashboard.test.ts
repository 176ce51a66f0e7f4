// The dashboard of a real installation in a real browser: what it shows, and what turns when something happens.
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { faultsForAll, fitsTheScreen, openPage, picture } from '../support/browser/browser.ts';
import { givenDashboard, SHARDS } from '../support/browser/dashboard.ts';
import { until } from '../support/until.ts';

/** Of an installation's states only the ones that concern a shard that was stopped. */
const STOPPED = /unreachable/;
const SCHEMES = ['light', 'dark'] as const;

const cellOf = (page: Page, queue: string, shard: number) =>
  page.locator(`.map[data-queue="${queue}"] .cell`).nth(shard);
const looksOf = async (page: Page, queue: string, shard: number) =>
  (await cellOf(page, queue, shard).getAttribute('data-looks')) ?? '';

/** Every source is seen. */
async function untilWell(page: Page): Promise<void> {
  await until(
    async () => {
      const looks = await page.evaluate<string[]>(
        "[...document.querySelectorAll('.map .cell')].map((cell) => cell.dataset.looks ?? '')",
      );
      return looks.length === 3 * SHARDS && looks.every((one) => /^a0 (moving|idle)$/.test(one));
    },
    { what: 'sources that are all well', timeoutMs: 60_000 },
  );
}

describe('the dashboard', () => {
  test('shows one sentence, a cell for each shard in each map, and the central queues', async () => {
    const dashboard = await givenDashboard();
    const { page, faults } = await openPage(dashboard.url);
    await untilWell(page);
    for (const shard of [0, 3, 5]) await dashboard.send(shard, 'orders', 'a', 'b', 'c');
    expect(await page.locator('h1').innerText()).toMatch(/24 (of 24 )?sources are well/);
    expect(await page.locator('.map').count()).toBe(3);
    expect(await page.getByRole('table', { name: 'Central queues' }).getByRole('row').count()).toBe(4);
    await until(
      async () =>
        /2 of 2/.test(
          await page
            .getByRole('row', { name: /orders/ })
            .first()
            .innerText(),
        ),
      {
        what: 'two workers of orders',
        timeoutMs: 30_000,
      },
    );
    expect(await page.title()).toBe('shop · Tributary');
    for (const scheme of SCHEMES) {
      await page.emulateMedia({ colorScheme: scheme });
      expect(await faultsForAll(page)).toEqual([]);
      await picture(page, `small-${scheme}`);
    }
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await fitsTheScreen(page)).toBe(true);
    expect(await faultsForAll(page)).toEqual([]);
    await picture(page, 'small-phone');
    expect(faults).toEqual([]);
  });

  test('a shard that is stopped is seen turning within three seconds, in every map, and turning back', async () => {
    const dashboard = await givenDashboard();
    const { page, faults } = await openPage(dashboard.url);
    await untilWell(page);
    await dashboard.refuse(2);
    const beganMs = performance.now();
    for (const queue of ['orders', 'payments', 'audit'])
      await until(async () => STOPPED.test(await looksOf(page, queue, 2)), { what: `${queue} turning` });
    expect(performance.now() - beganMs).toBeLessThan(3_000);
    expect(await looksOf(page, 'orders', 3)).toMatch(/moving|idle/);
    const need = page.locator('.need').first();
    await until(async () => /app_2/.test(await need.innerText()), { what: 'what needs somebody' });
    expect(await page.title()).toMatch(/^\(\d+\) /);
    expect(await faultsForAll(page)).toEqual([]);
    await picture(page, 'shard-stopped');
    await dashboard.allow(2);
    await untilWell(page);
    expect(faults).toEqual([]);
  });
});
