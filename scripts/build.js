// Compiles src/ into dist/, puts the programs together in dist/run/, builds the dashboard into dist/page/, and makes the
// command line executable.
//
// A program is bundled into a few files instead of a hundred: Node starts it in two thirds of the time. Packages are not
// bundled, except large ones of which a program uses a few files: loading those takes half of the remaining time. Files of
// deleted sources are removed first. The page for `man` is made from the commands themselves.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { buildPage } from './page.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const run = join(dist, 'run');
/** Packages that are bundled into the programs, with the text that their licenses ask for. */
const INSIDE = ['yaml', 'zod'];

if (existsSync(dist)) {
  for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    const source = join(root, 'src', name.replace(/\.d\.ts$|\.js$/, '.ts'));
    if (/\.(js|d\.ts)$/.test(name) && !/^(run|page)\b/.test(name) && !existsSync(source))
      rmSync(join(dist, name));
  }
}
/** @param {string} name */
const folderOf = (name) => dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
const { status } = spawnSync(process.execPath, [join(folderOf('typescript'), 'bin', 'tsc'), '-p', root], {
  stdio: 'inherit',
});
if (status !== 0) process.exit(status ?? 1);

const programs = await rolldown({
  input: { tributary: join(dist, 'cli', 'main.js'), worker: join(dist, 'workers', 'child', 'main.js') },
  external: (id) => !id.startsWith('.') && !isAbsolute(id) && !INSIDE.includes(id),
  platform: 'node',
});
rmSync(run, { recursive: true, force: true });
// All in one folder: lifecycle/package-root.ts relies on being one folder below dist/.
await programs.write({
  dir: run,
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: '[name]-[hash].js',
});
await programs.close();
await buildPage();
const licenses = INSIDE.map((name) => `${name}\n\n${readFileSync(join(folderOf(name), 'LICENSE'), 'utf8')}`);
writeFileSync(join(run, 'licenses.txt'), licenses.join('\n'));
chmodSync(join(run, 'tributary.js'), 0o755);
chmodSync(join(dist, 'cli', 'main.js'), 0o755);

const { wholeProgram } = await import('../dist/cli/program.js');
const { manPage } = await import('../dist/cli/manual/man-page.js');
const { treeOf } = await import('../dist/cli/manual/tree.js');
const { packagePath, packageVersion } = await import('../dist/lifecycle/package-root.js');
// Wide enough that no line is broken: `man` breaks lines for the width of its reader.
const program = await wholeProgram(10_000);
const page = manPage(treeOf(program), { version: packageVersion(), docs: packagePath('docs') });
writeFileSync(join(dist, 'tributary.1'), page);
