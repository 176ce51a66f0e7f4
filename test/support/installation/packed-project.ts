// An empty project of a user with the packed tarball in it, in TypeScript as strict as it can be said.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
import { givenFolder, writeFile } from '../files.ts';

export interface Ran {
  readonly status: number | null;
  readonly output: string;
}

export interface PackedProject {
  readonly folder: string;
  /** The package, as npm puts it there. */
  readonly home: string;
  /** The command line that it has. */
  readonly program: string;
  write(path: string, text: string): void;
  /** Packages of ours that the user has installed as well. */
  addPackages(...names: readonly string[]): void;
  /** By the project's own tsconfig, or by another one. @returns what the compiler said; empty: nothing. */
  compile(file?: string): string;
  run(program: string, ...args: readonly string[]): Ran;
}

export const STRICTEST = {
  ...{ target: 'es2023', module: 'nodenext', moduleResolution: 'nodenext' },
  ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
  ...{ verbatimModuleSyntax: true, isolatedModules: true },
  // Our declarations are the user's problem as well.
  ...{ skipLibCheck: false, types: [] as string[] },
};

/** The tarball unpacked where npm would, and links to the dependencies that it names: no registry is needed. */
export function givenPackedProject(): PackedProject {
  const folder = givenFolder();
  const run = (program: string, ...args: readonly string[]) => ran(program, args, folder);
  const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const packed = ran('npm', pack, packagePath());
  expect(packed.status, packed.output).toBe(0);
  const modules = join(folder, 'node_modules');
  const home = join(modules, 'tributary');
  mkdirSync(home, { recursive: true });
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) as string;
  expect(run('tar', '-xzf', tarball, '-C', home, '--strip-components=1').status).toBe(0);
  const { dependencies, bin } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
    readonly bin: { readonly tributary: string };
  };
  const addPackages = (...names: readonly string[]) => {
    for (const name of names) link(modules, name);
  };
  // As npm would hoist them: beside the package, each resolving its own from where it really is. A typed Node is what a user of
  // TypeScript has.
  addPackages(...Object.keys(dependencies), '@types/node');
  const write = (path: string, text: string) => void writeFile(folder, path, { text });
  write('package.json', '{ "name": "shop", "type": "module" }');
  write(
    'tsconfig.json',
    JSON.stringify({
      compilerOptions: { ...STRICTEST, rootDir: '.', outDir: 'dist' },
      include: ['src', 'handlers'],
    }),
  );
  return {
    ...{ folder, home, write, addPackages, run },
    program: join(home, bin.tributary),
    compile: (file = 'tsconfig.json') =>
      run(process.execPath, packagePath('node_modules', 'typescript', 'bin', 'tsc'), '-p', file).output,
  };
}

function ran(program: string, args: readonly string[], cwd: string): Ran {
  // Not as a part of the test's own runner.
  const { NODE_TEST_CONTEXT: _context, NODE_OPTIONS: _options, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(program, [...args], { cwd, env, encoding: 'utf8' });
  return { status, output: `${stdout}${stderr}` };
}

function link(modules: string, name: string): void {
  mkdirSync(dirname(join(modules, name)), { recursive: true });
  symlinkSync(packagePath('node_modules', name), join(modules, name));
}
