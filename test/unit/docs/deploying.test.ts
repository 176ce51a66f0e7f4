// What docs/deploying.md gives to be copied: it can be read by what reads it, and starts commands that there are.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
import { givenFolder } from '../../support/files.ts';
import { run } from '../../support/processes/run-cli.ts';

const page = readFileSync(packagePath('docs/deploying.md'), 'utf8');
const blocksOf = (language: string): string[] =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(
    ([, text = '']) => text,
  );

const PROGRAM = 'node_modules/.bin/tributary';

async function expectCommand([program, ...words]: readonly string[]): Promise<void> {
  expect(program).toBe(PROGRAM);
  expect((await run([...words, '--help'])).code).toBe(0);
}

interface Manifest {
  readonly kind: string;
  readonly spec: { readonly template: { readonly spec: { readonly containers: readonly Container[] } } };
}

interface Container {
  readonly image: string;
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly valueFrom: object }[];
}

describe('docs/deploying', () => {
  test('the manifests are YAML of the kinds that the page names, and their commands are known', async () => {
    const manifests = blocksOf('yaml').flatMap((text) =>
      parseAllDocuments(text).map((document) => {
        expect(document.errors).toEqual([]);
        return document.toJS() as Manifest;
      }),
    );
    expect(manifests.map(({ kind }) => kind)).toEqual(['Deployment', 'Job']);
    for (const { spec } of manifests)
      for (const { args, env } of spec.template.spec.containers) {
        await expectCommand(args);
        expect(env.map(({ name }) => name)).toEqual(
          expect.arrayContaining(['CENTRAL_URL', 'SHARD_PASSWORD']),
        );
      }
  });

  test('the image starts a command that exists, from files that it copies', async () => {
    const [text = ''] = blocksOf('dockerfile');
    await expectCommand(JSON.parse(/^CMD (.*)$/m.exec(text)?.[1] ?? '[]'));
    const { name, version } = JSON.parse(readFileSync(packagePath('package.json'), 'utf8'));
    expect(/^COPY package.json.*$/m.exec(text)?.[0]).toContain(`${name}-${version}.tgz`);
  });

  test('the unit starts a command that exists, and systemd finds no mistake in it', async () => {
    const [text = ''] = blocksOf('ini');
    const [program = '', ...words] = /^ExecStart=(.*)$/m.exec(text)?.[1]?.split(' ') ?? [];
    await expectCommand([program.replace('/srv/app/', ''), ...words]);
    if (spawnSync('systemd-analyze', ['--version']).status !== 0) return;
    const unit = join(givenFolder(), 'shop.service');
    writeFileSync(unit, text.replaceAll(program, process.execPath).replace('User=tributary', 'User=root'));
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' });
    expect({ status, stderr: stderr.split('\n').filter((line) => line.includes('shop')) }).toEqual({
      status: 0,
      stderr: [],
    });
  });
});
