// Makes docs/images/dashboard.png: the dashboard of a real run of the demo, as README shows it. Needs Debian's chromium.
//
//   npm run screenshot                  runs the demo for some minutes, so that there is a history to be seen
//   npm run screenshot -- --for 40s     for that time
import { spawn } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const target = join(root, 'docs', 'images', 'dashboard.png');
const { values } = parseArgs({ options: { for: { type: 'string', default: '8m' } } });
const MOST_BYTES = 300_000;
/** Before the end, so that all is still there; something needs somebody, and has for a while. */
const SHARE = 0.9;

const demo = spawn(
  process.execPath,
  [
    join(root, 'dist', 'run', 'tributary.js'),
    'demo',
    '--http',
    '--shards',
    '24',
    '--rate',
    '400',
    '--for',
    values.for,
  ],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);
const lines = createInterface(demo.stdout);
const url = await new Promise((resolve, reject) => {
  lines.on('line', (line) => {
    const said = /^The dashboard: (\S+)$/.exec(line);
    if (said !== null) resolve(said[1]);
  });
  demo.once('exit', () => reject(new Error('The demo ended before it said where its dashboard is.')));
});
try {
  await photograph();
} finally {
  demo.kill('SIGINT');
}

async function photograph() {
  const browser = await chromium.launch({
    executablePath: process.env.TRIBUTARY_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
  const page = await browser.newPage({ viewport: { width: 1200, height: 860 }, colorScheme: 'light' });
  await page.goto(url);
  await page.locator('.map .cell[data-looks*="moving"]').first().waitFor({ timeout: 60_000 });
  await pause(page, { shard: 'shop_11', queue: 'emails', reason: 'mail server moves' });
  await new Promise((resolve) => setTimeout(resolve, SHARE * milliseconds(values.for)));
  mkdirSync(dirname(target), { recursive: true });
  await page.screenshot({ path: target, clip: await visible(page) });
  await browser.close();
  const { size } = statSync(target);
  if (size > MOST_BYTES) throw new Error(`The picture has ${size} bytes, more than ${MOST_BYTES}.`);
}

/** As an operator does it. @param {import('playwright-core').Page} page @param {{ shard: string, queue: string, reason: string }} what */
async function pause(page, { shard, queue, reason }) {
  await page.goto(`${url}#/source/${shard}/${queue}`);
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.getByRole('dialog').getByRole('textbox').fill(reason);
  await page.getByRole('dialog').getByRole('button', { name: 'Pause' }).click();
  await page.locator('.state.s-paused').waitFor();
  await page.goto(`${url}#/`);
}

/** What there is, and not the empty ground below it. @param {import('playwright-core').Page} page */
async function visible(page) {
  const box = await page.locator('main').boundingBox();
  const height = Math.min(1_400, Math.ceil((box?.y ?? 0) + (box?.height ?? 860)));
  await page.setViewportSize({ width: 1_200, height });
  return { x: 0, y: 0, width: 1_200, height: height - 30 };
}

/** @param {string} text */
function milliseconds(text) {
  const [, number = '', unit = ''] = /^(\d+)(s|m)$/.exec(text) ?? [];
  return Number(number) * (unit === 'm' ? 60_000 : 1_000);
}
