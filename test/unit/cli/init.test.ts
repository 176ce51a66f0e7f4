// `init`: what it writes is right as it is, and nothing of the user's is lost.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../../src/config/load.ts';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
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

  test('--handler writes a typed handler, and the test that it writes passes and can fail', async () => {
    const cwd = givenFolder();
    givenPackages(cwd);
    const ran = await run(['init', '--handler', 'mails'], { cwd });
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.stdout).toContain('Written: handlers/mails.mjs, handlers/mails.test.mjs');
    const line = /mails: \{.*\}/.exec(ran.stdout)?.[0] ?? '';
    writeFileSync(
      join(cwd, 'shards.yaml'),
      `central: postgresql://a@b/c\nshards: [postgresql://a@b/d]\nqueues:\n  ${line}\n`,
    );
    expect(loadConfig('shards.yaml', { cwd, env: {} }).problems).toBeUndefined();
    const test = () =>
      spawnSync(process.execPath, ['--test', 'handlers/mails.test.mjs'], { cwd, env: PLAIN }).status;
    expect(test()).toBe(0);
    const file = join(cwd, 'handlers/mails.mjs');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replace(', id])', ', 0])'));
    expect(test()).toBe(1);
    // Its types are checked by whoever checks JavaScript.
    writeFileSync(file, text.replace('{ id } =', '{ no } ='));
    expect(compile(cwd, ['--allowJs', '--noEmit', file]).stdout).toContain("Property 'no' does not exist");
    expect(await run(['init', '--handler', 'mails'], { cwd })).toMatchObject({ code: 1 });
    expect(await run(['init', '--handler', '../mails'], { cwd })).toMatchObject({ code: 2 });
  });

  test('--handler writes TypeScript where the project is in it', async () => {
    const cwd = givenFolder();
    givenPackages(cwd);
    writeFileSync(join(cwd, 'package.json'), '{ "type": "module" }');
    writeFileSync(join(cwd, 'tsconfig.json'), '{}');
    const ran = await run(['init', '--handler', 'mails'], { cwd });
    expect(ran.stdout).toContain('Written: handlers/mails.ts, handlers/mails.test.ts');
    const files = ['mails.ts', 'mails.test.ts'].map((name) => join(cwd, 'handlers', name));
    expect(compile(cwd, ['--outDir', join(cwd, 'dist'), ...files])).toMatchObject({ status: 0, stdout: '' });
    expect(spawnSync(process.execPath, ['--test', 'dist/mails.test.js'], { cwd, env: PLAIN }).status).toBe(0);

    // As `npm init` makes it: there a file `.ts` is CommonJS, which strict settings let import nothing.
    writeFileSync(join(cwd, 'package.json'), '{ "type": "commonjs" }');
    const common = await run(['init', '--handler', 'orders'], { cwd });
    expect(common.stdout).toContain('Written: handlers/orders.mts, handlers/orders.test.mts');
    expect(common.stdout).toContain('handler: ./dist/handlers/orders.mjs');
    const modules = ['orders.mts', 'orders.test.mts'].map((name) => join(cwd, 'handlers', name));
    const args = ['--verbatimModuleSyntax', '--outDir', join(cwd, 'dist'), ...modules];
    expect(compile(cwd, args)).toMatchObject({ status: 0, stdout: '' });
    expect(spawnSync(process.execPath, ['--test', 'dist/orders.test.mjs'], { cwd, env: PLAIN }).status).toBe(
      0,
    );
  });

  test('--compose writes a compose.yaml and a shards.yaml that fit each other, and leaves what is there', async () => {
    const cwd = givenFolder();
    const ran = await run(['init', '--compose'], { cwd });
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.stdout).toContain('Written: compose.yaml, shards.yaml, handlers/orders.mjs');
    const { services } = parse(readFileSync(join(cwd, 'compose.yaml'), 'utf8'), { merge: true }) as {
      services: Record<string, { environment: Record<string, string> }>;
    };
    const env = services.tributary?.environment ?? {};
    const { config, problems } = loadConfig('shards.yaml', { cwd, env });
    expect(problems).toBeUndefined();
    expect(Object.keys(services)).toEqual(
      expect.arrayContaining([config?.central.host, config?.shards[0]?.host]),
    );
    writeFileSync(join(cwd, 'shards.yaml'), 'mine');
    expect(await run(['init', '--compose'], { cwd })).toMatchObject({ code: 1 });
    expect(await run(['init', '--compose', '--force'], { cwd })).toMatchObject({ code: 0 });
    expect(readFileSync(join(cwd, 'shards.yaml'), 'utf8')).toBe('mine');
  });
});

/** Not that of the test's own runner. */
const { NODE_TEST_CONTEXT: _none, NODE_OPTIONS: _options, ...PLAIN } = process.env;

function givenPackages(cwd: string): void {
  mkdirSync(join(cwd, 'node_modules', '@types'), { recursive: true });
  symlinkSync(packagePath(), join(cwd, 'node_modules', 'tributary'));
  symlinkSync(packagePath('node_modules', '@types', 'node'), join(cwd, 'node_modules', '@types', 'node'));
}

const compile = (cwd: string, args: readonly string[]) =>
  spawnSync(
    process.execPath,
    [
      packagePath('node_modules', 'typescript', 'bin', 'tsc'),
      ...['--ignoreConfig', '--strict', '--noUncheckedIndexedAccess', '--exactOptionalPropertyTypes'],
      ...['--skipLibCheck', '--target', 'es2023', '--module', 'nodenext', '--types', 'node'],
      ...args,
    ],
    { cwd, encoding: 'utf8' },
  );
