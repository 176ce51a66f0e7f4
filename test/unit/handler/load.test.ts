import { describe, expect, test } from 'vitest';
import { loadHandler } from '../../../src/handler/load.ts';
import { tryLoad } from '../../../src/handler/try-load.ts';
import { givenFolder, writeFile } from '../../support/files.ts';

const handlerFile = (name: string, text: string) => writeFile(givenFolder(), name, { text });

describe('handler/load', () => {
  test.each([
    ['a plain object with event', 'h.mjs', 'export default { event() {} };'],
    ['a plain object with batch', 'h.mjs', 'export default { async batch() {} };'],
    ['CommonJS', 'h.cjs', 'module.exports = { event() {} };'],
    [
      'CommonJS compiled from an ES module',
      'h.cjs',
      'exports.__esModule = true; exports.default = { event() {} };',
    ],
  ])('%s is a handler', async (_what, name, text) => {
    expect(Object.keys(await loadHandler(handlerFile(name, text)))).toHaveLength(1);
  });

  test.each([
    '{ transaction: false, event() {} }',
    '{ transaction: false, concurrency: 20, event() {} }',
    '{ transaction: true, event() {} }',
    '{ transaction: false, batch() {}, coalesce: (event) => event.id }',
    '{ batch() {}, coalesce: (event) => event.id }',
    '{ event() {}, prices: {}, connection: 7 }',
  ])('%s is a handler', async (text) => {
    await expect(loadHandler(handlerFile('h.mjs', `export default ${text};`))).resolves.toBeDefined();
  });

  test.each([
    [
      "{ event() {}, transaction: 'no' }",
      /has `transaction: 'no'`\. It is `false` for a handler that only calls out/,
    ],
    ['{ event() {}, concurrency: 5 }', /has `concurrency` without `transaction: false`\. Events that share/],
    [
      '{ event() {}, transaction: false, concurrency: 0 }',
      /has `concurrency: 0`\. It must be a whole number from 1/,
    ],
    [
      "{ event() {}, transaction: false, concurrency: '4' }",
      /has `concurrency: '4'`\. It must be a whole number/,
    ],
    ['{ batch() {}, transaction: false, concurrency: 4 }', /has `concurrency` and no `event`\./],
    ['{ event() {}, coalesce: () => 1 }', /has `coalesce` and no `batch`\. Only a `batch` handler/],
    ["{ batch() {}, coalesce: 'id' }", /has `coalesce: 'id'`\. It must be a function that gives the key/],
    [
      '{ event() {}, transaction: false, concurency: 4 }',
      /has `concurency`, which means nothing\. Write `concurrency`\./,
    ],
  ])('%s is refused with a sentence', async (text, sentence) => {
    await expect(loadHandler(handlerFile('h.mjs', `export default ${text};`))).rejects.toThrow(sentence);
  });

  test.each([
    ['export const event = () => {};', /h\.mjs does not export a handler\. Its default export must be/],
    ['export default { evnt() {} };', /does not export a handler/],
    [
      'export default { event() {}, batch() {} };',
      /has both `event` and `batch`\. Keep the one that is meant\.$/,
    ],
    ['import "nowhere-to-be-found";', /does not load: Cannot find package 'nowhere-to-be-found'/],
    ['export default {', /does not load: /],
    ['throw new Error("no luck today")', /does not load: \S+h\.mjs:1: no luck today\.$/],
  ])('%j is refused with a sentence', async (text, sentence) => {
    await expect(loadHandler(handlerFile('h.mjs', text))).rejects.toThrow(sentence);
  });

  // In a Node of their own: the one of the tests reads files in its own way.
  test.each([
    ['h.mjs', 'export default {\n\n  event(e { },\n};', "h.mjs:3: Unexpected token '{'"],
    ['h.cjs', 'module.exports = {\n  event(e { },\n};', "h.cjs:2: Unexpected token '{'"],
    ['h.mjs', '\nJSON.parse("{");', 'h.mjs:2: Expected property name'],
    ['h.mjs', 'import { x } from "node:fs";', "h.mjs:1: The requested module 'node:fs'"],
    ['h.mjs', 'import "./part.mjs";', 'part.mjs:2: Unexpected token'],
  ])('a mistake is named with its place: %s %j', async (name, text, place) => {
    const folder = givenFolder();
    writeFile(folder, 'part.mjs', { text: '\nexport const x = ;' });
    const path = writeFile(folder, name, { text });
    expect(await tryLoad(path)).toContain(`The handler ${path} does not load: ${folder}/${place}`);
  });

  test('a module that never returns from its top level is ended', async () => {
    const path = handlerFile('h.mjs', 'for (;;);');
    await expect(tryLoad(path, { withinMs: 2_000 })).resolves.toMatch(
      /h\.mjs is not loaded after 2 s\. See what/,
    );
  });

  test('a module that waits for ever at its top level is given up with a sentence', async () => {
    const path = handlerFile('h.mjs', 'await new Promise(() => {}); export default { event() {} };');
    await expect(loadHandler(path, { withinMs: 50 })).rejects.toThrow(
      /h\.mjs is not loaded after 0 s\. See what it waits for at its top level/,
    );
  });

  test('a handler without a file, and a queue without a handler, are sentences', async () => {
    await expect(loadHandler('/no/such/handler.js')).rejects.toThrow(
      /The handler \/no\/such\/handler\.js does not load/,
    );
    await expect(loadHandler('')).rejects.toThrow('The queue has workers and no handler. Give it `handler:');
  });
});
