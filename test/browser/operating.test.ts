// What an operator does in the dashboard: by keys alone, scaling, retrying, discarding, pausing; and what is noted of it.
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { faultsForAll, fitsTheScreen, openPage, picture } from '../support/browser/browser.ts';
import { type Dashboard, givenDashboard, TYPE } from '../support/browser/dashboard.ts';
import { until } from '../support/until.ts';

const textOf = async (page: Page, selector: string) =>
  (await page.locator(selector).allInnerTexts()).join('\n');

/** It would write the title of the page, if it were taken for more than a text. */
const BAD = 'bad <img src="x" onerror="document.title = 1">';

/** Three events of `orders` that failed, beside some that did not: while nothing succeeds no try counts. */
async function givenDeadEvents(dashboard: Dashboard): Promise<void> {
  await dashboard.send(1, 'orders', 'good', BAD, 'good', BAD, BAD, 'good');
  await until(
    async () => {
      const [row] = await dashboard.central.query<{ n: number }>(
        'select count(*) as n from tributary.dead_event where redriven_at is null',
      );
      return row?.n === 3;
    },
    { what: 'three dead events', timeoutMs: 60_000 },
  );
}

describe('operating in the dashboard', () => {
  test('by the keyboard alone one gets to a cell, to its source, and back', async () => {
    const dashboard = await givenDashboard();
    await dashboard.send(6, 'orders', 'a', 'b');
    const { page, faults } = await openPage(dashboard.url);
    await page.locator('.map .cell[data-looks*="a0"]').first().waitFor({ timeout: 60_000 });
    await page.keyboard.press('Tab');
    expect(await textOf(page, ':focus')).toBe('Skip to the content');
    await page.keyboard.press('Enter');
    expect(await page.locator('main:focus').count()).toBe(1);
    await page.keyboard.press('Tab');
    await until(
      async () => {
        if ((await page.locator('.cell:focus').count()) === 1) return true;
        await page.keyboard.press('Tab');
        return false;
      },
      { what: 'the first cell by Tab' },
    );
    for (const key of ['ArrowRight', 'ArrowRight', 'End']) await page.keyboard.press(key);
    expect(await page.locator('.cell:focus').getAttribute('aria-label')).toMatch(/^<b>app_7<\/b>: /);
    expect(await textOf(page, '.inspector')).toContain('<b>app_7</b> on alpha');
    await page.keyboard.press('ArrowLeft');
    // Other shards may have been seen before it.
    const label = () => page.locator('.cell:focus').getAttribute('aria-label');
    await until(async () => /^app_6: (moving|idle), oldest event /.test((await label()) ?? ''), {
      what: 'the cell of app_6 with an age',
    });
    expect(await textOf(page, '.inspector')).toMatch(
      /app_6 on alpha[\s\S]*orders[\s\S]*payments[\s\S]*audit/,
    );
    expect(await page.locator('.cell.twin').count()).toBe(3);
    await picture(page, 'keyboard');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'app_6:orders' }).waitFor();
    expect(page.url()).toBe(`${dashboard.url}#/source/app_6/orders`);
    await page.getByText('Central queue').waitFor();
    await page.getByText('Its tables are held by').waitFor();
    const windows = page.getByRole('table', { name: 'Windows' });
    await until(async () => /\t2\t[\d.]+ m?s\t[\d.]+ m?s\talpha/.test(await windows.innerText()), {
      what: 'the window of two events, moved and handled',
      timeoutMs: 30_000,
    });
    expect(await page.getByRole('table', { name: 'Movers that held the shard' }).innerText()).toMatch(
      /alpha[\s\S]*holds it now/,
    );
    expect(await faultsForAll(page)).toEqual([]);
    await picture(page, 'source');
    await page.goBack();
    await page.getByRole('heading', { name: 'Central queues' }).waitFor();
    expect(faults).toEqual([]);
  });

  test('a retry of many is seen by all that look, and stopped by one of them', async () => {
    const dashboard = await givenDashboard();
    await dashboard.central.query(
      `insert into tributary.dead_event (kind, central_queue, ev_id, ev_time, ev_type, ev_data, error)
       select 'handler', 'payments', n, now(), 'placed', 'bad', 'no' from generate_series(1, 5000) n`,
    );
    const { page, faults } = await openPage(`${dashboard.url}#/dead`);
    const group = page.locator('.dead-group').filter({ hasText: '5,000 events' });
    await group.getByRole('button', { name: 'Retry one' }).click();
    await page.getByText('4,999 events').waitFor();
    await page.getByRole('button', { name: /Then the rest/ }).click();
    const other = await openPage(`${dashboard.url}#/dead`);
    const retry = other.page.getByRole('region', { name: 'Being retried' });
    await until(async () => /^\s*[1-9]\d* of 4,999 events/m.test(await retry.innerText()), {
      what: 'events that were retried',
      timeoutMs: 30_000,
    });
    expect(await other.page.getByRole('button', { name: 'Retry one' }).isDisabled()).toBe(true);
    expect(await faultsForAll(other.page)).toEqual([]);
    await picture(other.page, 'retrying');
    await retry.getByRole('button', { name: 'Stop' }).click();
    await retry.waitFor({ state: 'detached' });
    await page.getByRole('region', { name: 'Being retried' }).waitFor({ state: 'detached' });
    const [left] = await dashboard.central.query<{ n: number }>(
      'select count(*) as n from tributary.dead_event where redriven = 0',
    );
    expect(left?.n).toBeGreaterThan(0);
    expect([...faults, ...other.faults]).toEqual([]);
  });

  test('a dead event is retried, then the rest, and the log says who did it', async () => {
    const dashboard = await givenDashboard();
    await givenDeadEvents(dashboard);
    const { page, faults } = await openPage(`${dashboard.url}#/dead`);
    const group = page.locator('.dead-group');
    await group.waitFor();
    expect(await group.innerText()).toMatch(/3 events\s+orders\s+handler/);
    // What the handler threw is text; what was in the event is shown only when it is asked for.
    expect(await textOf(page, 'pre.error')).toContain('<script>alert(document)</script>');
    expect(await group.getByText('placed').count()).toBe(0);
    await group.getByRole('button', { name: 'Show a sample' }).click();
    await group.getByText(TYPE, { exact: true }).waitFor();
    expect(await group.getByText(BAD, { exact: true }).count()).toBe(1);
    expect(await group.locator('b, img').count()).toBe(0);
    expect(await faultsForAll(page)).toEqual([]);
    await picture(page, 'dead');
    expect(await group.getByRole('button', { name: /Then the rest/ }).isDisabled()).toBe(true);
    await dashboard.central.query('insert into mended default values');
    await group.getByRole('button', { name: 'Retry one' }).click();
    await page.getByText('2 events').waitFor();
    await group.getByRole('button', { name: /Then the rest/ }).click();
    await page.getByText('No event was given up.').waitFor({ timeout: 60_000 });
    await page.getByRole('link', { name: 'Log' }).click();
    const log = page.getByRole('table', { name: "Operators' actions" });
    await until(async () => /orders/.test(await log.innerText()), { what: 'the note of it' });
    expect(await log.innerText()).toContain('this page');
    expect(await faultsForAll(page)).toEqual([]);
    await picture(page, 'log');
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await fitsTheScreen(page)).toBe(true);
    expect(await faultsForAll(page)).toEqual([]);
    expect(faults).toEqual([]);
  });

  test('dead events are discarded only by who types how many', async () => {
    const dashboard = await givenDashboard();
    await givenDeadEvents(dashboard);
    const { page, faults } = await openPage(`${dashboard.url}#/dead`);
    await page.getByRole('button', { name: 'Discard' }).click();
    const dialog = page.getByRole('dialog');
    const sure = dialog.getByRole('button', { name: 'Discard 3' });
    expect(await sure.isDisabled()).toBe(true);
    expect(await faultsForAll(page)).toEqual([]);
    await dialog.getByRole('textbox').fill('2');
    expect(await sure.isDisabled()).toBe(true);
    await dialog.getByRole('textbox').fill('3');
    await sure.click();
    await page.getByText('No event was given up.').waitFor({ timeout: 30_000 });
    expect(await dashboard.central.query('select from tributary.dead_event')).toEqual([]);
    expect(faults).toEqual([]);
  });

  test('a queue is scaled, and its new worker comes', async () => {
    const dashboard = await givenDashboard();
    const { page, faults } = await openPage(`${dashboard.url}#/queue/orders`);
    const workers = page.locator('.figure', { hasText: 'Workers' });
    await until(async () => /2\s*of 2/.test(await workers.innerText()), {
      what: 'two workers',
      timeoutMs: 60_000,
    });
    await page.getByRole('button', { name: 'One worker more' }).click();
    await page.getByRole('button', { name: 'Scale' }).click();
    await page.getByRole('status').filter({ hasText: '3 workers' }).waitFor();
    await until(async () => /3\s*of 3/.test(await workers.innerText()), {
      what: 'three workers',
      timeoutMs: 60_000,
    });
    await page.getByRole('row', { name: /orders#3/ }).waitFor();
    expect(await faultsForAll(page)).toEqual([]);
    await picture(page, 'queue');
    expect(faults).toEqual([]);
  });

  test('a source is paused with a reason and goes on again', async () => {
    const dashboard = await givenDashboard();
    const { page, faults } = await openPage(`${dashboard.url}#/source/app_4/payments`);
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByRole('dialog').getByRole('textbox').fill('bank is closed');
    await page.getByRole('dialog').getByRole('button', { name: 'Pause' }).click();
    await until(async () => /bank is closed/.test(await textOf(page, 'main')), {
      what: 'the reason',
      timeoutMs: 30_000,
    });
    await page.locator('.state.s-paused').waitFor();
    await page.getByRole('button', { name: 'Resume', exact: true }).click();
    await page.locator('.state:is(.s-moving, .s-idle)').waitFor({ timeout: 30_000 });
    expect(faults).toEqual([]);
  });

  test('what goes into a queue later is shown with it: delayed events, and schedules with who paused them', async () => {
    const dashboard = await givenDashboard();
    await dashboard.central.query(
      "select tributary.send_delayed('payments', array[null::float8], array[3.6e6::float8], $1, $1, $1, $1, $1, $1)",
      [[null]],
    );
    const { page, faults } = await openPage(dashboard.url);
    const row = page.getByRole('row', { name: /payments/ }).first();
    await row.getByText(/^1 delayed, next at .* · yearly at \d{4}-01-01 /).waitFor({ timeout: 60_000 });
    await dashboard.central.query(
      "update tributary.schedule set paused_at = now(), paused_by = '<b>ann</b>'",
    );
    await row.getByText(/ · 1 schedule paused$/).waitFor({ timeout: 30_000 });
    const need = page.locator('.need', { hasText: 'Schedule yearly has been paused' });
    await need.getByText('tributary schedule resume yearly').waitFor({ timeout: 30_000 });
    expect(await need.innerText()).toContain('by <b>ann</b>: queue payments gets nothing from it.');
    expect(await faultsForAll(page)).toEqual([]);
    await picture(page, 'later');
    await row.getByRole('link', { name: 'payments' }).click();
    const schedules = page.getByRole('table', { name: 'Schedules' });
    await until(
      async () => /yearly\s+0 3 1 1 \*\s+UTC[\s\S]*paused by <b>ann<\/b>/.test(await schedules.innerText()),
      {
        what: 'the schedule',
      },
    );
    await page.locator('.figure', { hasText: 'Delayed' }).getByText('next at').waitFor();
    expect(await faultsForAll(page)).toEqual([]);
    await picture(page, 'queue-later');
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await fitsTheScreen(page)).toBe(true);
    expect(faults).toEqual([]);
  });

  test('an event is found by its origin', async () => {
    const dashboard = await givenDashboard();
    await dashboard.send(1, 'orders', 'good');
    const { page, faults } = await openPage(dashboard.url);
    await page.getByRole('searchbox').fill('app_1:orders:1');
    await page.keyboard.press('Enter');
    await until(async () => /handled/.test(await textOf(page, '.verdict')), {
      what: 'what became of it',
      timeoutMs: 60_000,
    });
    expect(page.url()).toBe(`${dashboard.url}#/find?origin=app_1%3Aorders%3A1`);
    expect(await textOf(page, '.steps')).toMatch(/Inserted on app_1[\s\S]*Moved[\s\S]*Handled/);
    expect(await faultsForAll(page)).toEqual([]);
    await picture(page, 'trace');
    expect(faults).toEqual([]);
  });
});
