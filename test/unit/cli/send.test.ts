// The pure half of `send`: lines of bytes, and one line as an event.
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseEventLine } from '../../../src/cli/commands/send/event-line.ts';
import { linesOf } from '../../../src/cli/terminal/lines.ts';
import { run } from '../../support/processes/run-cli.ts';

describe('cli/commands/send/event-line', () => {
  test('text stays text, null is null, and other data stays the JSON that was written', () => {
    expect(parseEventLine('{"type":"t","data":"a\\"b","extra1":"x","extra4":null}')).toEqual({
      type: 't',
      data: 'a"b',
      extra1: 'x',
      extra4: null,
    });
    expect(parseEventLine('{"data":null}')).toEqual({ type: null, data: null });
    expect(parseEventLine('{ "data" : {"id": 12345678901234567890, "x": [1, "}"]} , "type":"t"}').data).toBe(
      '{"id": 12345678901234567890, "x": [1, "}"]}',
    );
    expect(parseEventLine('{"data":1.10}').data).toBe('1.10');
    expect(parseEventLine('{"d\\u0061ta":false}').data).toBe('false');
  });

  test('--type is for lines without one', () => {
    expect(parseEventLine('{"data":"x"}', { type: 'd' }).type).toBe('d');
    expect(parseEventLine('{"type":"own"}', { type: 'd' }).type).toBe('own');
  });

  test('any JSON as data means the same where it arrives', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.dictionary(fc.constantFrom('type', 'extra1', 'extra2'), fc.string()),
        (data, others) => {
          fc.pre(!JSON.stringify([data, others]).includes('\\u0000'));
          const line = JSON.stringify({ ...others, data, extra3: 'z' });
          const sent = parseEventLine(line).data;
          if (data === null) expect(sent).toBeNull();
          else if (typeof data === 'string') expect(sent).toBe(data);
          else expect(JSON.parse(sent ?? '')).toEqual(JSON.parse(JSON.stringify(data)));
        },
      ),
    );
  });

  test.each([
    ['{', 'is no JSON: write one object per line, such as {"type":"created","data":{"id":1}}.'],
    ['[]', 'is no JSON object: write one per line, such as {"type":"created","data":{"id":1}}.'],
    ['{"tpye":"x"}', 'has the unknown key "tpye": did you mean `type`?'],
    [
      '{"payload":1}',
      'has the unknown key "payload": the keys are type, data, extra1, extra2, extra3, extra4.',
    ],
    ['{"type":1}', 'has a `type` that is no text: put it in quotes.'],
    ['{"data":"\\u0000"}', 'has a zero character in `data`, which PostgreSQL cannot store.'],
    ['{"data":"\\ud800"}', 'has half a character (a lone surrogate) in `data`.'],
  ])('a wrong line %s says what is right', (line, sentence) => {
    expect(() => parseEventLine(line)).toThrow(sentence);
  });
});

describe('cli/terminal/lines', () => {
  const collect = async (chunks: Uint8Array[]) => {
    const lines: string[] = [];
    for await (const line of linesOf(Readable.from(chunks))) lines.push(line);
    return lines;
  };

  test('only line feeds end a line, wherever the chunks are cut', async () => {
    const text = 'one\r\nzwei\u2028ä€😀\n\nlast';
    const bytes = Buffer.from(text);
    for (let size = 1; size <= bytes.length; size += 1) {
      const chunks: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
      expect(await collect(chunks)).toEqual(['one', 'zwei\u2028ä€😀', '', 'last']);
    }
  });

  test('bytes that are no UTF-8 are an error, never another text', async () => {
    await expect(collect([Buffer.from([0x61, 0xff, 0x0a])])).rejects.toThrow(TypeError);
    await expect(collect([Buffer.from([0x61, 0xe2, 0x82])])).rejects.toThrow(TypeError);
  });
});

describe('cli/commands/send', () => {
  test('a terminal as stdin and no --data is wrong usage', async () => {
    const stdin = Object.assign(Readable.from([]), { isTTY: true });
    const ran = await run(['send', 'orders', '--shard', 'a'], { stdin });
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).toBe('There is nothing to send: give --data TEXT, or events as NDJSON on stdin.\n');
  });

  test('without --shard it is wrong usage', async () => {
    expect((await run(['send', 'orders', '--data', 'x'])).code).toBe(2);
  });
});
