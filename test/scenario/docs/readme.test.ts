// The README's tutorial, from top to bottom, each command as it stands there.
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
import { givenFolder, writeFile } from '../../support/files.ts';
import { givenCluster } from '../../support/installation/installation.ts';
import { markedBlocks } from '../../support/pages/blocks.ts';
import { startProcess, type TestProcess } from '../../support/processes/process.ts';
import { until } from '../../support/until.ts';

const blocks = markedBlocks('README.md', 'tutorial');

/** What a mark may wait for, as rows of central. */
const COUNTED: Readonly<Record<string, string>> = {
  invoices: 'select from invoice',
  paused: "select from tributary.source_lag where state = 'paused'",
};

describe('README', () => {
  test('its tutorial works as it is written', async () => {
    expect(blocks.length).toBeGreaterThan(5);
    const { central, shards } = await givenCluster({ shards: 2 });
    const [first, second] = shards.map(({ url }) => new URL(url));
    if (first === undefined || second === undefined) throw new Error('no shards');
    const folder = givenFolder();
    const bin = writeFile(folder, 'bin/npx', {
      text: `#!/bin/sh\nshift\nexec '${process.execPath}' '${packagePath('dist', 'run', 'tributary.js')}' "$@"\n`,
    });
    chmodSync(bin, 0o755);
    const env = {
      PATH: `${join(folder, 'bin')}:${process.env.PATH}`,
      CENTRAL_URL: central.url,
      SHARDS_URL: first.href.replace(
        first.pathname,
        `/{${first.pathname.slice(1)},${second.pathname.slice(1)}}`,
      ),
    };
    /** The reader's databases have these names; ours have others. */
    const ours = (text: string) =>
      text.replaceAll('shop_1', first.pathname.slice(1)).replaceAll('shop_2', second.pathname.slice(1));
    const shell = (text: string) => startProcess(['/bin/sh', '-ec', ours(text)], { cwd: folder, env });
    const said: string[] = [];
    let running: TestProcess | undefined;

    for (const { mark, text } of blocks) {
      const [, file] = /^write (.+)$/.exec(mark) ?? [];
      const [, number, what] = /^run(?:, until (\d+) (\w+))?$/.exec(mark) ?? [];
      if (mark === 'by yourself') continue;
      else if (file !== undefined) writeFile(folder, file, { text });
      else if (mark === 'on central') await central.query(text);
      else if (mark === 'keep running') running = shell(`exec ${text}`);
      else if (mark.startsWith('run')) {
        const { exit, stdout, stderr } = shell(text);
        expect({ code: (await exit).code, text, stdout, stderr }).toMatchObject({ code: 0 });
        said.push(stdout.join('\n'));
        if (what === undefined) continue;
        const count = async () => (await central.query(COUNTED[what] ?? '')).length;
        await until(async () => (await count()) >= Number(number), {
          what: `${number} ${what}`,
          timeoutMs: 60_000,
        });
        expect(await count()).toBe(Number(number));
      } else throw new Error(`The README's mark \`${mark}\` means nothing.`);
    }

    const all = said.join('\n');
    expect(all).toContain('3 databases, all well.');
    expect(all).toContain('orders: 2 → 4 workers');
    expect(all).toContain('moving house');
    running?.kill('SIGTERM');
    expect(await running?.exit).toEqual({ code: 0, signal: null });
  });
});
