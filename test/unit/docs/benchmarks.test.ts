// The page on benchmarks knows every bench, and no other.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { packagePath } from '../../../src/lifecycle/package-root.ts';

describe('docs/benchmarks', () => {
  test('its table has a row for every bench that can be run, and only for those', () => {
    const list = /const BENCHES[^\n]* = \{\n(.*?)\n\};/s.exec(
      readFileSync(packagePath('scripts/bench/main.ts'), 'utf8'),
    );
    const known = [...(list?.[1] ?? '').matchAll(/^ {2}'?([\w-]+)'?: /gm)].map(([, name]) => name);
    const page = readFileSync(packagePath('docs/benchmarks.md'), 'utf8');
    const table = page.split('## What there is')[1]?.split('\n## ')[0] ?? '';
    const rows = [...table.matchAll(/^\| `([\w-]+)` \|/gm)].map(([, name]) => name);
    expect(known.length).toBeGreaterThan(10);
    expect(rows.sort()).toEqual(known.sort());
  });
});
