// Writes a shards.yaml into a folder of its own, which is removed after the test.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Config } from '../../../src/config/config.ts';
import { type LoadResult, loadConfig } from '../../../src/config/load.ts';

/** @returns the file's path. Only its owner may read it, so that secrets in it give no warning. */
export function givenFile(
  text: string | Uint8Array,
  { mode = 0o600, others = {} as Record<string, string> } = {},
): string {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-config-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(others)) writeFileSync(join(folder, name), content);
  const file = join(folder, 'shards.yaml');
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

/** Loads a text; fails the test with its mistakes where it has any. */
export function givenConfig(text: string, env: NodeJS.ProcessEnv = {}): Config {
  const { config, problems } = loadConfig(givenFile(text), { env: { PGUSER: 'ann', ...env } });
  if (config === undefined) throw new Error(problems.map(({ sentence }) => sentence).join('\n'));
  return config;
}

/** `line:column sentence` of each mistake of a text. */
export function mistakesIn(text: string, env: NodeJS.ProcessEnv = {}): string[] {
  return shown(loadConfig(givenFile(text), { env: { PGUSER: 'ann', ...env } }));
}

export const shown = ({ problems }: LoadResult): string[] =>
  (problems ?? []).map(({ line, column, sentence }) => `${line}:${column} ${sentence}`);
