// What is kept of a compiled program, with a copy of the built one.
import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deserialize } from 'node:v8';
import { describe, expect, test } from 'vitest';
import { packagePath, packageVersion } from '../../../src/lifecycle/package-root.ts';
import { givenFolder } from '../../support/files.ts';

/** The programs in a package of their own, and nothing kept yet. */
function givenProgram() {
  const folder = givenFolder();
  const run = join(folder, 'dist', 'run');
  const kept = join(run, 'compiled');
  cpSync(packagePath('dist', 'run'), run, { recursive: true });
  rmSync(kept, { recursive: true, force: true });
  cpSync(packagePath('package.json'), join(folder, 'package.json'));
  for (const name of ['node_modules', 'sql']) symlinkSync(packagePath(name), join(folder, name));
  return {
    kept,
    start: (...args: string[]) =>
      execFileSync(process.execPath, [join(run, 'tributary.js'), ...args], { encoding: 'utf8' }).trim(),
  };
}

/** Node keeps it in its own way from version 22 on. */
const isOurs = Number(process.versions.node.split('.')[0]) < 22;

describe('lifecycle/compiled', () => {
  test('a program keeps what was compiled of it, and what is kept is used', () => {
    const { kept, start } = givenProgram();
    expect(start('--version')).toBe(packageVersion());
    const [name = '', ...others] = readdirSync(kept);
    expect(name).not.toBe('');
    if (!isOurs) return;
    expect(others).toEqual([]);
    const path = join(kept, name);
    const { ino } = statSync(path);
    expect(start('--version')).toBe(packageVersion());
    // Nothing was compiled that is not kept: it would have been written anew.
    expect(statSync(path).ino).toBe(ino);
    start('lag', '--help');
    expect(statSync(path).ino).not.toBe(ino);
    start('mover', '--help');
    expect(readdirSync(kept).map((one) => one.split('-')[0])).toEqual(['command', 'mover']);
    const files = deserialize(readFileSync(join(kept, readdirSync(kept)[1] ?? ''))) as Map<string, unknown>;
    const packages = [...files.keys()].filter((file) => file.includes('/node_modules/'));
    expect(packages.some((file) => file.includes('/node_modules/pg/lib/'))).toBe(true);
  });

  test.runIf(isOurs)('what is cut off, of something else or nowhere to be written is made again', () => {
    const { kept, start } = givenProgram();
    start('--version');
    const path = join(kept, readdirSync(kept)[0] ?? '');
    const whole = readFileSync(path);
    const files = deserialize(whole) as Map<string, { sum: number }>;
    for (const text of [
      whole.subarray(0, whole.length / 2),
      Buffer.from('something else'),
      Buffer.alloc(0),
    ]) {
      writeFileSync(path, text);
      expect(start('--version')).toBe(packageVersion());
      expect([...(deserialize(readFileSync(path)) as typeof files).keys()]).toEqual([...files.keys()]);
    }
    rmSync(kept, { recursive: true });
    writeFileSync(kept, 'no folder');
    expect(start('--version')).toBe(packageVersion());
  });
});
