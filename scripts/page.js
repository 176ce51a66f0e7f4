// Builds the dashboard, src/page/, into dist/page/: an index.html, and scripts and styles with hashed names.
//
// Nothing in it is inline, so that a content security policy may refuse inline scripts and styles, and all addresses are
// relative, so that it works below any path.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** Packages that become part of the page, with what their licenses want said. */
const INSIDE = ['preact', '@preact/signals', '@preact/signals-core', 'uplot'];

export async function buildPage() {
  const outDir = join(root, 'dist', 'page');
  await build({
    root: join(root, 'src', 'page'),
    base: './',
    configFile: false,
    logLevel: 'warn',
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: {
      outDir,
      emptyOutDir: true,
      modulePreload: { polyfill: false },
      assetsInlineLimit: 0,
      target: 'es2022',
    },
  });
  writeFileSync(
    join(outDir, 'licenses.txt'),
    INSIDE.map(
      (name) => `${name}\n\n${readFileSync(join(root, 'node_modules', name, 'LICENSE'), 'utf8')}`,
    ).join('\n'),
  );
}
