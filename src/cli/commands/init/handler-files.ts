// What `init --handler NAME` writes: a typed handler and a test of it, in JavaScript, or in TypeScript where the project is in it.

interface HandlerFile {
  readonly path: string;
  readonly text: string;
}

const HEAD = (
  queue: string,
) => `// Works off the central queue \`${queue}\`, one event after the other. What \`client\` writes commits together with the event's batch.
// An event that throws is retried alone.
`;

const BODY = `  async event(event, { client }) {
    const { id } = event.json();
    // Committed with the batch, and so exactly once. The table is yours.
    await client.query('insert into handled (origin, id) values ($1, $2)', [String(event.origin), id]);
  },
`;

const TEST = (queue: string) => `test('what the event says is written once, with its origin', async () => {
  const written${'TYPE'} = [];
  const client = {
    query: async (text, values) => {
      written.push([text, values]);
    },
  };
  const event = { type: 'created', json: () => ({ id: 7 }), origin: { toString: () => 'app_017:${queue}:1' } };
  await handler.event(event, { client });
  assert.deepEqual(written, [
    ['insert into handled (origin, id) values ($1, $2)', ['app_017:${queue}:1', 7]],
  ]);
});
`;

/** @param typed what the compiler makes of a module: `js`, or `mjs` in a project of CommonJS; undefined: there is no TypeScript. */
export function handlerFiles(queue: string, typed: 'js' | 'mjs' | undefined): HandlerFile[] {
  const ending = typed === undefined ? 'mjs' : typed.replace('js', 'ts');
  const at = (name: string) => `handlers/${name}.${ending}`;
  return [
    { path: at(queue), text: typed === undefined ? plainHandler(queue) : typedHandler(queue) },
    { path: at(`${queue}.test`), text: typed === undefined ? plainTest(queue) : typedTest(queue, typed) },
  ];
}

const plainHandler = (queue: string) => `// @ts-check
${HEAD(queue)}
/**
 * What the data of an event holds.
 * @typedef {{ id: number }} Payload
 */

/** @type {import('tributary').EventHandler<Payload>} */
export default {
${BODY}};
`;

const typedHandler = (queue: string) => `${HEAD(queue)}import { defineHandler } from 'tributary';

/** What the data of an event holds. */
interface Payload {
  readonly id: number;
}

export default defineHandler<Payload>({
${BODY}});
`;

const IMPORTS = (queue: string, ending: string) => `import assert from 'node:assert/strict';
import { test } from 'node:test';
import handler from './${queue}.${ending}';
`;

const plainTest = (queue: string) => `// Run it with \`node --test handlers/${queue}.test.mjs\`.
${IMPORTS(queue, 'mjs')}
${TEST(queue).replace('TYPE', '')}`;

const typedTest = (queue: string, ending: string) => `// Compile it, and run the result with \`node --test\`.
${IMPORTS(queue, ending)}
${TEST(queue)
  .replace('TYPE', ': unknown[]')
  .replace('(text, values)', '(text: string, values: unknown[])')
  .replace(
    'await handler.event(event, { client });',
    'await handler.event?.(event as never, { client } as never);',
  )}`;
