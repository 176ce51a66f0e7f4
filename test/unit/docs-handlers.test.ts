// The handlers on our pages compile, with all the strictness that a user may have turned on.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { packagePath } from '../../src/lifecycle/package-root.ts';
import { documents } from '../support/documents.ts';

describe('docs/handlers', () => {
  test('every handler marked as typed compiles', { timeout: 60_000 }, () => {
    const handlers = documents().flatMap(({ text }) =>
      [...text.matchAll(/<!-- typed -->\n```ts\n([\s\S]*?)```/g)].map(([, code = '']) => code),
    );
    expect(handlers.length).toBeGreaterThan(0);
    // Inside the package, so that the import of `tributary` leads to what is built.
    mkdirSync(packagePath('.tmp'), { recursive: true });
    const folder = mkdtempSync(packagePath('.tmp', 'handlers-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    for (const [at, code] of handlers.entries()) writeFileSync(join(folder, `handler-${at}.ts`), code);
    const compilerOptions = {
      ...{ strict: true, noEmit: true, target: 'es2023', module: 'nodenext', types: ['node'] },
      ...{ noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true },
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));

    const tsc = packagePath('node_modules', 'typescript', 'bin', 'tsc');
    const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });

    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  });
});
