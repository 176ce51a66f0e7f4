// What a terminal shows after the demo has written to it, and what a pipe gets.
import { describe, expect, test } from 'vitest';
import { Screen } from '../../../src/cli/demo/screen.ts';

const ESCAPE = '\x1b';
const TOKEN = new RegExp(`${ESCAPE}\\[(\\d+)A\\r${ESCAPE}\\[0J|\\n|[^\\n${ESCAPE}]+`, 'g');

/** Understands what the screen writes: text, new lines, up, and erase from here. */
class Terminal {
  readonly isTTY: boolean;
  readonly columns = 20;
  readonly rows = 10;
  text = '';

  constructor(isTTY = true) {
    this.isTTY = isTTY;
  }

  write(text: string): void {
    this.text += text;
  }

  get lines(): string[] {
    const lines: string[] = [];
    let row = 0;
    for (const [token] of this.text.matchAll(TOKEN)) {
      if (token === '\n') row += 1;
      else if (token.startsWith(ESCAPE)) lines.length = row -= Number.parseInt(token.slice(2), 10);
      else lines[row] = token;
    }
    return Array.from(lines, (line) => line ?? '');
  }
}

describe('cli/demo/screen', () => {
  test('a block is redrawn below the lines that were printed meanwhile', () => {
    const terminal = new Terminal();
    const screen = new Screen(terminal);
    screen.line('begin');
    screen.block('one\ntwo\n');
    screen.line('meanwhile');
    screen.block('three\n');
    screen.line('at last');
    expect(terminal.lines).toEqual(['begin', 'meanwhile', 'at last', '', 'three']);
    screen.keep();
    screen.line('end');
    expect(terminal.lines).toEqual(['begin', 'meanwhile', 'at last', '', 'three', '', 'end']);
  });

  test('text that would wrap or scroll away is cut', () => {
    const terminal = new Terminal();
    const screen = new Screen(terminal);
    screen.block(Array.from({ length: 30 }, (_, at) => `line ${at} ${'x'.repeat(30)}`).join('\n'));
    expect(terminal.lines).toHaveLength(8);
    expect(terminal.lines.at(-1)).toBe('…');
    expect(Math.max(...terminal.lines.map((line) => line.length))).toBe(20);
  });

  test('a sentence is broken between words, a table is not', () => {
    const terminal = new Terminal();
    const screen = new Screen(terminal);
    screen.line('The shop is open: about 2,000 events a second.');
    screen.line('a table that is as wide\nas it is');
    expect(terminal.lines).toEqual([
      'The shop is open:',
      'about 2,000 events a',
      'second.',
      'a table that is as wide',
      'as it is',
    ]);
  });

  test('without a terminal blocks follow one another', () => {
    const pipe = new Terminal(false);
    const screen = new Screen(pipe);
    screen.block('one\n');
    screen.line('meanwhile');
    screen.block('two\n');
    expect(pipe.text).toBe('\none\n\nmeanwhile\n\ntwo\n\n');
  });
});
