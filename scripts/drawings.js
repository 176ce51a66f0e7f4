// `npm run drawings`: renders docs/drawings/*.dot to SVG files beside them. `--check` changes nothing and ends with 1 where
// an SVG file differs from what its text gives.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { instance } from '@viz-js/viz';

const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), 'docs', 'drawings');
// The widths of this font are known when the picture is made; the margins leave room for a wider one in the browser.
const font = 'Arial';
const isCheck = process.argv.includes('--check');

const viz = await instance();
for (const name of readdirSync(folder).filter((file) => file.endsWith('.dot'))) {
  const svg = viz.renderString(readFileSync(join(folder, name), 'utf8'), {
    format: 'svg',
    // White, so that it can be read on a dark page as well.
    graphAttributes: { bgcolor: 'white', fontname: font, fontsize: 12, pad: 0.2 },
    nodeAttributes: { fontname: font, fontsize: 12, margin: '0.3,0.1' },
    edgeAttributes: { fontname: font, fontsize: 10, arrowsize: 0.7, labeldistance: 2 },
  });
  const path = join(folder, name.replace(/\.dot$/, '.svg'));
  if (!isCheck) writeFileSync(path, svg);
  else if (readFileSync(path, 'utf8') !== svg) {
    process.stderr.write(`docs/drawings/${name} was changed: run \`npm run drawings\`.\n`);
    process.exitCode = 1;
  }
}
