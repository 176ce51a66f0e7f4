// The sentences that docs/troubleshooting.md lists are said by the program.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packagePath } from '../../../src/lifecycle/package-root.ts';

test('every sentence of the index is one that the program says', () => {
  const folder = packagePath('src');
  const source = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('\n')
    // As it is printed.
    .replaceAll('\\`', '`');
  const page = readFileSync(packagePath('docs/troubleshooting.md'), 'utf8');
  const sentences = [...page.matchAll(/^\| "([^"]+)" \|/gm)].map(([, sentence = '']) => sentence);
  expect(sentences.length).toBeGreaterThan(20);
  const unsaid = sentences.filter((sentence) => sentence.split(' … ').some((part) => !source.includes(part)));
  expect(unsaid).toEqual([]);
});
