// `init`: what it writes is right as it is, and nothing of the user's is lost.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { run } from '../../support/processes/run-cli.ts';

function givenFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-init-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

describe('cli/commands/init', () => {
  test('the files that it writes load without a problem, a warning or a missing handler', async () => {
    const cwd = givenFolder();
    const ran = await run(['init'], { cwd });
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.stdout).toContain('Written: shards.yaml, handlers/orders.mjs');
    const { config, problems, warnings } = loadConfig('shards.yaml', { cwd, env: { PGUSER: 'ann' } });
    expect(problems).toBeUndefined();
    expect(warnings).toEqual([]);
    expect(config?.queues[0]).toMatchObject({ name: 'orders', workers: 2, create: true });
    const path = pathToFileURL(join(cwd, 'handlers/orders.mjs')).href;
    const { default: handler } = (await import(/* @vite-ignore */ path)) as { default: { event: unknown } };
    expect(handler.event).toBeTypeOf('function');
  });

  test('every line that is commented out is right too, once the comment sign goes', async () => {
    const cwd = givenFolder();
    await run(['init'], { cwd });
    const file = join(cwd, 'shards.yaml');
    const text = readFileSync(file, 'utf8');
    const active = text.replace(
      /^(\s*)# ((?:user|password|admin|where|start|timeout|retry|on_poison|mover): )/gm,
      '$1$2',
    );
    expect(active.split('\n').filter((line, at) => line !== text.split('\n')[at])).toHaveLength(9);
    writeFileSync(file, active);
    const env = {
      SHARD_PASSWORD: 'a',
      ADMIN: 'b:c',
    };
    expect(loadConfig(file, { env }).problems).toBeUndefined();
  });

  test('a folder is made where it does not exist, and the next steps name the file in it', async () => {
    const cwd = givenFolder();
    const ran = await run(['init', 'new/shop'], { cwd });
    expect(ran.code).toBe(0);
    expect(ran.stdout).toContain('tributary -c new/shop/shards.yaml check');
  });

  test('an existing file is never overwritten, unless --force says so', async () => {
    const cwd = givenFolder();
    writeFileSync(join(cwd, 'shards.yaml'), 'mine');
    const ran = await run(['init'], { cwd });
    expect(ran).toEqual({
      code: 1,
      stdout: '',
      stderr: 'shards.yaml already exists, so nothing was written: --force overwrites.\n',
    });
    expect(readFileSync(join(cwd, 'shards.yaml'), 'utf8')).toBe('mine');
    expect((await run(['init', '--force'], { cwd })).code).toBe(0);
    expect(readFileSync(join(cwd, 'shards.yaml'), 'utf8')).toContain('central:');
  });

  test('a folder that cannot be written to is one sentence', async () => {
    const cwd = givenFolder();
    writeFileSync(join(cwd, 'file'), '');
    const ran = await run(['init', 'file/x'], { cwd });
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(
      /^\S+ cannot be written \(ENOTDIR\): check the folder and its permissions\.\n$/,
    );
  });
});
