// The pictures in docs/ are what their texts say.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { packagePath } from '../../../src/lifecycle/package-root.ts';

test('each drawing was rendered from its text, and none has lost its text', () => {
  const names = readdirSync(packagePath('docs/drawings'));
  const bases = (ending: string) =>
    names.filter((name) => name.endsWith(ending)).map((name) => name.slice(0, -4));
  expect(bases('.svg')).toEqual(bases('.dot'));
  expect(names).toHaveLength(2 * bases('.dot').length);
  const { status, stderr } = spawnSync(process.execPath, [packagePath('scripts/drawings.js'), '--check']);
  expect(String(stderr)).toBe('');
  expect(status).toBe(0);
});
