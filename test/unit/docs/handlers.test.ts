// The types of handlers, with all the strictness that a user may have turned on. Those on our pages: test/scenario/cli/package.test.ts.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { packagePath } from '../../../src/lifecycle/package-root.ts';

/** Compiles handlers against what is built, as strictly as a user may. */
function compiled(handlers: readonly string[]): { readonly status: number | null; readonly stdout: string } {
  // Inside the package, so that the import of `tributary` leads to what is built.
  mkdirSync(packagePath('.tmp'), { recursive: true });
  const folder = mkdtempSync(packagePath('.tmp', 'handlers-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [at, code] of handlers.entries()) writeFileSync(join(folder, `handler-${at}.ts`), code);
  const compilerOptions = {
    ...{ strict: true, noEmit: true, target: 'es2023', module: 'nodenext', types: ['node'] },
    ...{ noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true },
    skipLibCheck: false,
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['**/*.ts'] }));
  const tsc = packagePath('node_modules', 'typescript', 'bin', 'tsc');
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
  return { status, stdout };
}

const RIGHT = [
  'defineHandler<Order>({ event: (event) => event.json().id + 1 })',
  'defineHandler<Order>({ batch: (events, { client }) => client.query("", [events[0]?.json().id]) })',
  'defineHandler<Order>({ transaction: false, concurrency: 3, event: (event, { log }) => log.info(event.json().id) })',
  'defineHandler<Order>({ coalesce: (event) => event.json().id, batch: () => {} })',
  'defineHandler({ event: (event) => event.json<Order>().id + 1 }).event',
  'defineHandler({ event: (event, { send }) => send("mails", [{ data: { a: 1 } }]) })',
  'defineHandler({ batch: ([first], { send }) => first && send("mails", { type: "x" }, { from: first }) })',
  'defineHandler({ event: ({ origin }) => origin.steps.map(({ queue, id }) => queue.length + id) })',
];

const WRONG = [
  'defineHandler({ transaction: false, event: (event, { client }) => client })',
  'defineHandler<Order>({ transaction: false, event: (event, { client }) => client })',
  'defineHandler({ concurrency: 3, event: () => {} })',
  'defineHandler({ transaction: false, concurrency: 3, batch: () => {} })',
  'defineHandler({ coalesce: () => 1, event: () => {} })',
  'defineHandler({ coalesce: () => ({}), batch: () => {} })',
  'defineHandler({ event: () => {}, batch: () => {} })',
  'defineHandler({})',
  'defineHandler<Order>({ event: (event) => event.json().no })',
  'defineHandler({ event: (event) => event.json().id })',
  'defineHandler({ event: (event, { send }) => send("mails", { payload: 1 }) })',
];

const handlerOf = (code: string) =>
  `import { defineHandler } from 'tributary';\ninterface Order { readonly id: number }\nexport type { Order };\nexport const handler = ${code};\n`;

describe('docs/handlers', () => {
  test('types accept what works, and nothing that the loader or the worker would refuse', {
    timeout: 180_000,
  }, () => {
    expect(compiled(RIGHT.map(handlerOf))).toEqual({ status: 0, stdout: '' });
    const { stdout } = compiled(WRONG.map(handlerOf));
    const refused = WRONG.filter((_code, at) => stdout.includes(`handler-${at}.ts(`));
    expect(refused).toEqual(WRONG);
  });
});
