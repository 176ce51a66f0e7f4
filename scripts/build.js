// Compiles src/ into dist/ and makes the command line executable. Files of sources that are gone go first.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
if (existsSync(dist)) {
  for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    const source = join(root, 'src', name.replace(/\.d\.ts$|\.js$/, '.ts'));
    if (/\.(js|d\.ts)$/.test(name) && !existsSync(source)) rmSync(join(dist, name));
  }
}
const tsc = createRequire(import.meta.url).resolve('typescript/package.json');
const { status } = spawnSync(process.execPath, [join(dirname(tsc), 'bin', 'tsc'), '-p', root], {
  stdio: 'inherit',
});
if (status !== 0) process.exit(status ?? 1);
const main = join(dist, 'cli', 'main.js');
if (existsSync(main)) chmodSync(main, 0o755);
