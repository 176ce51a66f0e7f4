// The snippets of docs/live.md in a browser: a page with a signed channel listens, its process is killed, and it misses nothing.
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { packagePath } from '../../src/lifecycle/package-root.ts';
import { openBlankPage } from '../support/browser/browser.ts';
import { givenFolder, writeFile } from '../support/files.ts';
import { fileFor, givenCluster } from '../support/installation/installation.ts';
import { documents } from '../support/pages/documents.ts';
import { startTributary } from '../support/processes/process.ts';
import { run } from '../support/processes/run-cli.ts';
import { until } from '../support/until.ts';

const KEY = 'a key of some length';
const SERVING = /serving (http:\S+)\/livez/;

/** Blocks of JavaScript on the page, in their order. */
function snippets(): { readonly page: string; readonly reset: string; readonly sign: string } {
  const { text = '' } = documents().find(({ path }) => path === 'docs/live.md') ?? {};
  const [page = '', reset = '', sign = ''] = [...text.matchAll(/^```js\n([\s\S]*?)^```/gm)].map(
    ([, code = '']) => code,
  );
  return { page, reset, sign };
}

test('a page as docs/live.md shows it is told what is committed, also while its process is killed', async () => {
  const { page: script, reset, sign } = snippets();
  const folder = givenFolder();
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(packagePath(), join(folder, 'node_modules', 'tributary'));
  process.env.LIVE_KEY = KEY;
  const application = writeFile(folder, 'application.mjs', {
    text: `const order = { id: 42 };\n${sign}export { url };\n`,
  });
  const { url: path } = (await import(pathToFileURL(application).href)) as { url: string };
  delete process.env.LIVE_KEY;

  const cluster = await givenCluster();
  const queues = '  orders: { create: true, workers: none }';
  const more = `http: { listen: '127.0.0.1:0', live: { key: ${KEY} } }`;
  const file = writeFile(folder, 'shards.yaml', { text: fileFor(cluster, { queues, more }) });
  expect(await run(['-c', file, 'install'])).toMatchObject({ code: 0 });
  const begin = async (port: string) => {
    const mover = startTributary(['-c', file, 'mover', '--http', `127.0.0.1:${port}`]);
    return { mover, url: SERVING.exec(await mover.waitForLine(SERVING))?.[1] ?? '' };
  };
  const first = await begin('0');
  const { page, faults } = await openBlankPage();
  // The shop's page is of the same site, as behind one proxy.
  const listening = script.replace("'/live?channel=order:42'", JSON.stringify(path));
  expect(listening).not.toBe(script);
  await page.route(`${first.url}/shop`, (route) =>
    route.fulfill({
      contentType: 'text/html',
      body: `<!doctype html><title>Shop</title><script>${listening}</script><script>${reset}
const seen = [];
stream.addEventListener('invoiced', ({ data }) => seen.push(JSON.parse(data).data.invoice));
const loaded = performance.timeOrigin;</script>`,
    }),
  );
  await page.goto(`${first.url}/shop`);
  const opened = () => page.evaluate<number>('stream.readyState');
  const seen = () => page.evaluate<number[]>('seen');
  const publish = async (from: number, to: number) => {
    for (let n = from; n <= to; n += 1)
      await cluster.central.query(
        "select tributary.publish(array['order:42', 'order:43'], array['invoiced', 'invoiced'], array[$1, '0'])",
        [JSON.stringify({ invoice: n })],
      );
  };
  await until(async () => (await opened()) === 1, { what: 'the stream', timeoutMs: 30_000 });
  await publish(1, 3);
  await until(async () => (await seen()).length === 3, { what: 'three invoices', timeoutMs: 30_000 });
  expect(await page.title()).toBe('Invoice 3');

  first.mover.kill('SIGKILL');
  await first.mover.exit;
  await until(async () => (await opened()) === 0, { what: 'the end of the stream', timeoutMs: 30_000 });
  await publish(4, 6);
  await begin(new URL(first.url).port);
  await until(async () => (await seen()).length >= 6, { what: 'what came meanwhile', timeoutMs: 60_000 });
  await publish(7, 7);
  await until(async () => (await seen()).length >= 7, { what: 'what comes then', timeoutMs: 30_000 });
  expect(await seen()).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(await page.title()).toBe('Invoice 7');
  expect(faults).toEqual([]);
});
