// The handlers on our pages compile, with all the strictness that a user may have turned on.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
import { documents } from '../../support/pages/documents.ts';

/** Compiles handlers against what is built, as strictly as a user may. @param others texts by path, beside the handlers' folder. */
function compiled(
  handlers: readonly string[],
  others: Readonly<Record<string, string>> = {},
): { readonly status: number | null; readonly stdout: string } {
  // Inside the package, so that the import of `tributary` leads to what is built.
  mkdirSync(packagePath('.tmp'), { recursive: true });
  const folder = mkdtempSync(packagePath('.tmp', 'handlers-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const files = {
    ...Object.fromEntries(handlers.map((code, at) => [`handlers/handler-${at}.ts`, code])),
    ...others,
  };
  for (const [path, code] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), code);
  }
  const compilerOptions = {
    ...{ strict: true, noEmit: true, target: 'es2023', module: 'nodenext', types: ['node'] },
    ...{ noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true },
    // drizzle-orm's own types compile in no other way.
    skipLibCheck: Object.keys(others).length > 0,
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

/** What the user of a library has beside the handlers of docs/orms.md. */
const BESIDE_ORMS = {
  'schema.ts': `import { pgTable, text } from 'drizzle-orm/pg-core';
export const invoice = pgTable('invoice', { origin: text().primaryKey() });\n`,
  'tables.ts': 'export interface Tables { invoice: { origin: string } }\n',
  // As Prisma generates it, as far as the page uses it.
  'generated/client.ts': `import type { PrismaPg } from '@prisma/adapter-pg';
interface Invoice { origin: string }
export declare class PrismaClient {
  constructor(options: { adapter: PrismaPg });
  $disconnect(): Promise<void>;
  readonly invoice: { upsert(how: { where: Invoice; create: Invoice; update: Partial<Invoice> }): Promise<Invoice> };
}\n`,
};

describe('docs/orms', () => {
  test('every handler of the page compiles', { timeout: 180_000 }, () => {
    const { text = '' } = documents().find(({ path }) => path === 'docs/orms.md') ?? {};
    const handlers = [...text.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code = '']) => code);
    expect(handlers).toHaveLength(4);
    expect(compiled(handlers, BESIDE_ORMS)).toEqual({ status: 0, stdout: '' });
    const [drizzle = ''] = handlers;
    expect(compiled([drizzle.replace('invoice).values', 'invoice).value')], BESIDE_ORMS).status).not.toBe(0);
  });
});

describe('docs/handlers', () => {
  test('every handler marked as typed compiles', { timeout: 180_000 }, () => {
    const handlers = documents().flatMap(({ text }) =>
      [...text.matchAll(/<!-- typed -->\n```ts\n([\s\S]*?)```/g)].map(([, code = '']) => code),
    );
    expect(handlers.length).toBeGreaterThan(0);
    expect(compiled(handlers)).toEqual({ status: 0, stdout: '' });
  });

  test('types accept what works, and nothing that the loader or the worker would refuse', {
    timeout: 180_000,
  }, () => {
    expect(compiled(RIGHT.map(handlerOf))).toEqual({ status: 0, stdout: '' });
    const { stdout } = compiled(WRONG.map(handlerOf));
    const refused = WRONG.filter((_code, at) => stdout.includes(`handler-${at}.ts(`));
    expect(refused).toEqual(WRONG);
  });
});
