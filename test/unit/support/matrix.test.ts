import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { packagePath } from '../../../src/lifecycle/package-root.ts';

const read = (...path: string[]) => readFileSync(packagePath(...path), 'utf8');
const inMatrix = Object.keys(
  (JSON.parse(read('test', 'matrix', 'package.json')) as { dependencies: Record<string, string> })
    .dependencies,
);
const majors = (kind: string, own: readonly string[] = []) =>
  [
    ...inMatrix.filter((name) => name.startsWith(`${kind}-`)).map((name) => name.slice(kind.length + 1)),
    ...own,
  ].sort();

describe('the matrix', () => {
  test('has the versions that the README names', () => {
    const readme = read('README.md').replaceAll('\n', ' ');
    const [, postgres = '', node = ''] =
      /on PostgreSQL ([\d, and]+).*on Node ([\d, and]+)/.exec(readme) ?? [];
    expect(postgres.match(/\d+/g)).toEqual(majors('postgres', ['18']));
    expect(node.match(/\d+/g)).toEqual(majors('node'));
  });

  test('has a lock file for its packages', () => {
    const lock = JSON.parse(read('test', 'matrix', 'package-lock.json')) as {
      packages: Record<string, { integrity?: string }>;
    };
    const locked = inMatrix.filter((name) => lock.packages[`node_modules/${name}`]?.integrity !== undefined);
    expect(locked).toEqual(inMatrix);
  });
});
