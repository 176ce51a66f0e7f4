// The page and its server: it survives that one is away, asks nothing while it is hidden, and works below a path.
import { describe, expect, test } from 'vitest';
import { faultsForAll, fitsTheScreen, openPage, picture } from '../support/browser/browser.ts';
import { givenDashboard } from '../support/browser/dashboard.ts';
import { until } from '../support/until.ts';

describe('the connection of the dashboard', () => {
  test('while the server is away the page says from when its figures are, and goes on by itself', async () => {
    const dashboard = await givenDashboard();
    const { page, faults } = await openPage(dashboard.url);
    await page.locator('.map .cell[data-looks*="a0"]').first().waitFor({ timeout: 60_000 });
    await dashboard.restart(async () => {
      await page.getByText(/^As of \d\d:\d\d:\d\d\. The server does not answer/).waitFor();
      expect(await page.locator('.fresh').innerText()).toMatch(/as of \d\d:\d\d:\d\d/);
      await page.getByRole('heading', { level: 1, name: /^Not known now\. Before: / }).waitFor();
      await picture(page, 'server-away');
    });
    await page.locator('.fresh.live').waitFor({ timeout: 60_000 });
    expect(await page.getByText('The server does not answer').count()).toBe(0);
    expect(faults).toEqual([]);
  });

  test('while central is away the page says so, and keeps what it knew', async () => {
    const dashboard = await givenDashboard();
    const { page, faults } = await openPage(dashboard.url);
    await page.locator('.map .cell[data-looks*="a0"]').first().waitFor({ timeout: 60_000 });
    await dashboard.central.query('alter schema tributary rename to away');
    await page.locator('.stale-notice').waitFor({ timeout: 30_000 });
    expect(await page.locator('.map .cell').count()).toBe(24);
    await picture(page, 'central-away');
    await dashboard.central.query('alter schema away rename to tributary');
    await page.locator('.fresh.live').waitFor({ timeout: 60_000 });
    expect(faults).toEqual([]);
  });

  test('a page that nobody sees asks for nothing', async () => {
    const dashboard = await givenDashboard();
    // What is asked for every few seconds, besides the stream.
    const url = `${dashboard.url}#/queue/orders`;
    const { page, faults } = await openPage(url);
    await page.locator('.fresh.live').waitFor({ timeout: 60_000 });
    const show = (isHidden: boolean) =>
      page.evaluate(
        `Object.defineProperty(document, 'hidden', { configurable: true, value: ${isHidden} });
         document.dispatchEvent(new Event('visibilitychange'));`,
      );
    const time = () => page.locator('.fresh').innerText();
    const asked: string[] = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    await show(true);
    const seen = await time();
    // What turns elsewhere meanwhile shows that time goes on.
    const other = await openPage(url);
    await other.page.locator('.fresh.live').waitFor({ timeout: 60_000 });
    const began = await other.page.locator('.fresh').innerText();
    let asksOfOther = 0;
    other.page.on('request', (request) => {
      if (new URL(request.url()).pathname === '/api/queue') asksOfOther += 1;
    });
    await until(async () => asksOfOther >= 2 && (await other.page.locator('.fresh').innerText()) !== began, {
      what: 'another state, and what is asked for meanwhile',
      timeoutMs: 60_000,
    });
    expect(await time()).toBe(seen);
    expect(asked).toEqual([]);
    await show(false);
    await until(async () => (await time()) !== seen, { what: 'a new state' });
    await until(() => asked.includes('/api/stream') && asked.includes('/api/queue'), {
      what: 'what is asked for again',
    });
    expect(faults).toEqual([]);
  });

  test('it works below a path', async () => {
    const dashboard = await givenDashboard({ http: ', base: /ops/queues' });
    expect(dashboard.url).toMatch(/\/ops\/queues\/$/);
    const { page, faults } = await openPage(dashboard.url.replace(/\/$/, ''));
    await page.locator('.fresh.live').waitFor({ timeout: 60_000 });
    expect(await page.locator('.map').count()).toBe(3);
    await page.getByRole('link', { name: 'Members' }).click();
    await page.getByRole('row', { name: /alpha/ }).first().waitFor();
    expect(await faultsForAll(page)).toEqual([]);
    await picture(page, 'members');
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await fitsTheScreen(page)).toBe(true);
    expect(await faultsForAll(page)).toEqual([]);
    await picture(page, 'members-phone');
    expect(faults).toEqual([]);
  });

  test('with a token a browser is asked for it first, and then has the dashboard', async () => {
    const dashboard = await givenDashboard({ http: ', token: open-sesame-open' });
    const { page, faults } = await openPage(dashboard.url);
    await page.waitForURL(`${dashboard.url}login`);
    for (const scheme of ['dark', 'light'] as const) {
      await page.emulateMedia({ colorScheme: scheme });
      expect(await faultsForAll(page)).toEqual([]);
      await picture(page, `login-${scheme}`);
    }
    await page.getByLabel('Token').fill('open-sesame');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').filter({ hasText: 'That is not the token.' }).waitFor();
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await fitsTheScreen(page)).toBe(true);
    expect(await faultsForAll(page)).toEqual([]);
    await picture(page, 'login-wrong-phone');
    await page.getByLabel('Token').fill('open-sesame-open');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.locator('.fresh.live').waitFor({ timeout: 60_000 });
    expect(page.url()).toBe(dashboard.url);
    expect(faults).toEqual([]);
  });

  test('a command is copied', async () => {
    const dashboard = await givenDashboard();
    const { page, faults } = await openPage(dashboard.url);
    await dashboard.central.query(
      "select tributary.halt_source(id, 'diverged', 'It is halted by hand.') from tributary.source where shard = 'app_3' and queue = 'orders'",
    );
    const copy = page.getByRole('button', { name: /^Copy: tributary repair/ });
    await copy.waitFor({ timeout: 60_000 });
    await copy.click();
    await page.getByText('Copied').first().waitFor();
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(
      'tributary repair app_3:orders --dry-run',
    );
    await picture(page, 'halted');
    expect(faults).toEqual([]);
  });
});
