// The files of deploy/, checked by what knows their formats, and against the commands and metrics that there are.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ScaledObject } from '@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject';
import { validate as lint } from 'dockerfile-utils';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { Job } from 'kubernetes-models/batch/v1/Job';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap';
import { Secret } from 'kubernetes-models/v1/Secret';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { loadConfig } from '../../../src/config/load.ts';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
import { givenFolder, writeFile } from '../../support/files.ts';
import { givenFile } from '../../support/installation/config-file.ts';
import { run } from '../../support/processes/run-cli.ts';

const read = (...path: string[]): string => readFileSync(packagePath('deploy', ...path), 'utf8');

async function expectCommand(words: readonly string[]): Promise<void> {
  expect((await run([...words, '--help'])).code).toBe(0);
}

interface Manifest {
  readonly kind: string;
  readonly apiVersion: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly selector?: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly template?: {
      readonly metadata?: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: { readonly containers: readonly { readonly args: readonly string[] }[] };
    };
  };
}

interface Model {
  readonly prototype: { validate(this: unknown): void };
}

const MODELS: Readonly<Record<string, Model>> = {
  ConfigMap,
  Deployment,
  Job,
  PodDisruptionBudget,
  Secret,
  ScaledObject,
};

const manifests = readdirSync(packagePath('deploy', 'kubernetes')).flatMap((name) =>
  parseAllDocuments(read('kubernetes', name), { merge: true }).map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS() as Manifest;
  }),
);

/** A validator reads the keys that it knows: the paths of all others. */
function unknownKeys(manifest: Manifest): string[] {
  const unread = new Set<string>();
  const watched = (value: unknown, path: string): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    for (const key of Object.keys(value)) unread.add(`${path}.${key}`);
    return new Proxy(value, {
      get(target, key, receiver) {
        unread.delete(`${path}.${String(key)}`);
        return watchedOnce(Reflect.get(target, key, receiver), `${path}.${String(key)}`);
      },
    });
  };
  const seen = new Map<string, unknown>();
  const watchedOnce = (value: unknown, path: string): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if (!seen.has(path)) seen.set(path, watched(value, path));
    return seen.get(path);
  };
  const Kind = MODELS[manifest.kind];
  if (Kind === undefined) throw new Error(`No model for ${manifest.kind}.`);
  // Not over a model made of it: making one reads everything.
  Kind.prototype.validate.call(watched(manifest, manifest.kind));
  return [...unread];
}

describe('deploy/kubernetes', () => {
  test('each manifest is what its kind allows, and has no other key', () => {
    expect([...new Set(manifests.map(({ kind }) => kind))].sort()).toEqual(Object.keys(MODELS).sort());
    for (const manifest of manifests) expect(unknownKeys(manifest)).toEqual([]);
  });

  test('a key that is misspelt, and a value of another type, would be seen', () => {
    const [deployment] = manifests
      .filter(({ kind }) => kind === 'Deployment')
      .map((one) => structuredClone(one));
    const spec = deployment?.spec?.template?.spec as unknown as { containers: Record<string, unknown>[] };
    (spec.containers[0] as Record<string, unknown>).livenesProbe = {};
    expect(unknownKeys(deployment as Manifest)).toEqual([
      'Deployment.spec.template.spec.containers.0.livenesProbe',
    ]);
    (deployment?.spec as unknown as { replicas: unknown }).replicas = 'two';
    expect(() => unknownKeys(deployment as Manifest)).toThrow(/replicas must be integer/);
  });

  test('the commands are known, the selectors find their pods, and the probes ask for pages that there are', async () => {
    for (const { spec } of manifests) {
      if (spec?.template === undefined) continue;
      for (const { args } of spec.template.spec.containers) await expectCommand(args);
      if (spec.selector !== undefined)
        expect(spec.template.metadata?.labels).toMatchObject(spec.selector.matchLabels);
    }
    const labels = manifests.flatMap(({ spec }) => [spec?.template?.metadata?.labels ?? {}].flat());
    for (const { kind, spec } of manifests)
      if (kind === 'PodDisruptionBudget') expect(labels).toContainEqual(spec?.selector?.matchLabels);
    const probes = ['movers.yaml', 'workers.yaml'].map((name) => read('kubernetes', name));
    for (const text of probes)
      expect([text.includes('- /livez\n'), text.includes('- /readyz\n')]).toEqual([true, true]);
  });

  test('the file in the ConfigMap has no mistake, with the secrets beside it', () => {
    const text = manifests.find(({ kind }) => kind === 'ConfigMap')?.data?.['shards.yaml'] ?? '';
    const env = manifests.find(({ kind }) => kind === 'Secret')?.stringData ?? {};
    const file = givenFile(text, { others: { 'orders.js': '' } });
    const { config, problems = [] } = loadConfig(file, { env, cwd: '/' });
    const others = problems.filter(({ sentence }) => !sentence.includes('handlers/orders.js'));
    expect(others).toEqual([]);
    expect(config?.shards.length ?? 256).toBe(256);
  });

  test('what KEDA asks for is a metric that there is', () => {
    const query =
      /tributary_\w+/.exec(read('kubernetes', 'keda.yaml').replaceAll('tributary-', ''))?.[0] ?? '';
    expect(readFileSync(packagePath('docs/metrics.md'), 'utf8')).toContain(`| \`${query}\` |`);
  });
});

describe('deploy/container', () => {
  test('the Dockerfile has no finding, and starts a command that exists as a user without rights', async () => {
    const text = read('container', 'Dockerfile');
    expect(lint(text)).toEqual([]);
    expect(lint(text.replace('USER node', 'USR node'))).not.toEqual([]);
    expect(/^USER (.*)$/m.exec(text)?.[1]).toBe('node');
    await expectCommand(JSON.parse(/^CMD (.*)$/m.exec(text)?.[1] ?? '[]'));
    expect(text.match(/^FROM /gm)).toHaveLength(2);
  });

  test('what compose runs is known, and the file in its head has no mistake', async () => {
    const text = read('container', 'compose.yaml');
    const { services } = parse(text, { merge: true }) as {
      services: Record<
        string,
        { command?: string[]; depends_on?: object; environment: Record<string, string> }
      >;
    };
    const commands = Object.values(services).flatMap(({ command }) =>
      command === undefined ? [] : [command],
    );
    expect(commands.map(([name]) => name)).toEqual(['install', 'start']);
    for (const command of commands) await expectCommand(command);
    for (const { depends_on = {} } of Object.values(services))
      for (const name of Object.keys(depends_on)) expect(services).toHaveProperty(name);
    const yaml = [...text.matchAll(/^# {3}(\w+: .*)$/gm)].map(([, line]) => line).join('\n');
    const env = services.tributary?.environment ?? {};
    const { problems = [] } = loadConfig(givenFile(yaml), { env, cwd: '/' });
    expect(problems.filter(({ sentence }) => !sentence.includes('handlers/orders.js'))).toEqual([]);
  });
});

describe.skipIf(spawnSync('systemd-analyze', ['--version']).status !== 0)('deploy/systemd', () => {
  const unit = () => {
    const folder = givenFolder();
    const path = join(folder, 'tributary@shop.service');
    const program = '/srv/%i/node_modules/.bin/tributary';
    const text = read('systemd', 'tributary@.service');
    expect(text).toContain(`ExecStart=${program} start\n`);
    // What is not on this machine.
    const page = writeFile(folder, 'running.md', { text: '' });
    writeFileSync(
      path,
      text
        .replace(program, process.execPath)
        .replace('User=tributary', 'User=root')
        .replace(/file:\S+/, `file://${page}`),
    );
    return path;
  };

  test('systemd finds no mistake in the unit', () => {
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', unit()], { encoding: 'utf8' });
    expect({ status, stderr: stderr.split('\n').filter((line) => line.includes('tributary@')) }).toEqual({
      status: 0,
      stderr: [],
    });
  });

  test('systemd calls the exposure of the service low', () => {
    const { stdout } = spawnSync('systemd-analyze', ['security', '--offline=yes', '--no-pager', unit()], {
      encoding: 'utf8',
    });
    const [, exposure = '10'] = /exposure level for .*: (\d+\.\d+)/.exec(stdout) ?? [];
    expect(Number(exposure)).toBeLessThan(3);
  });
});
