// Chromium as Debian has it: one for a test file, and for each page a profile of its own that writes down what goes wrong in it.
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, chromium, type Page } from 'playwright-core';
import { onTestFinished } from 'vitest';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
import { afterEachFile } from '../after-file.ts';

export interface OpenOptions {
  readonly scheme?: 'light' | 'dark';
  readonly width?: number;
  readonly height?: number;
}

export interface OpenedPage {
  readonly page: Page;
  /** Errors in the page, what its policy refused, and requests to anybody else. */
  readonly faults: readonly string[];
}

const PROGRAM = process.env.TRIBUTARY_CHROMIUM ?? '/usr/bin/chromium';
/** Ignored by git: to be looked at. */
const PICTURES = packagePath('.tmp', 'screenshots');
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let running: Promise<Browser> | undefined;

afterEachFile(async () => {
  const browser = running;
  running = undefined;
  await (await browser)?.close();
});

const browser = (): Promise<Browser> => {
  // As root there is no sandbox, and shared memory may be small in a container.
  running ??= chromium.launch({
    executablePath: PROGRAM,
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--force-color-profile=srgb'],
  });
  return running;
};

export async function openPage(url: string, options: OpenOptions = {}): Promise<OpenedPage> {
  const opened = await openBlankPage(options);
  const { page, faults } = opened;
  page.on('request', (request) => {
    const asked = new URL(request.url());
    if (asked.origin !== new URL(url).origin && asked.protocol !== 'data:') faults.push(`asks ${asked.href}`);
  });
  await page.goto(url);
  return opened;
}

/** Nothing is asked for yet. */
export async function openBlankPage({
  scheme = 'light',
  width = 1280,
  height = 900,
}: OpenOptions = {}): Promise<OpenedPage & { readonly faults: string[] }> {
  const context = await (await browser()).newContext({
    viewport: { width, height },
    colorScheme: scheme,
    reducedMotion: 'reduce',
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('pageerror', ({ message }) => faults.push(message));
  page.on('console', (message) => {
    // A server that is away is part of some tests, and the browser writes that down itself.
    if (message.type() === 'error' && !/net::ERR|Failed to load resource/.test(message.text()))
      faults.push(message.text());
  });
  return { page, faults };
}

/** What axe finds fault with, each with the places. */
export async function faultsForAll(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const result = (await page.evaluate('axe.run()')) as {
    violations: readonly { id: string; nodes: readonly { target: readonly string[] }[] }[];
  };
  return result.violations.map(
    ({ id, nodes }) => `${id}: ${nodes.slice(0, 5).map(({ target }) => target.join(' '))}`,
  );
}

/** The whole page, to be looked at. */
export async function picture(page: Page, name: string): Promise<void> {
  mkdirSync(PICTURES, { recursive: true });
  await page.screenshot({ path: `${PICTURES}/${name}.png`, fullPage: true });
}

/** Whether the page can be read without moving it to the side. */
export async function fitsTheScreen(page: Page): Promise<boolean> {
  return await page.evaluate('document.documentElement.scrollWidth <= innerWidth');
}

/** Milliseconds of script that each state took that came so far. */
export async function updatesOf(page: Page): Promise<number[]> {
  return await page.evaluate(
    "performance.getEntriesByName('tributary:update').map(({ duration }) => duration)",
  );
}
