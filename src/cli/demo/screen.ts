// What the demo prints: lines that stay, and under them a block that is redrawn on a terminal, or repeated elsewhere.
import type { Output } from '../context.ts';

export class Screen {
  readonly #out: Output;
  #block = '';

  constructor(out: Output) {
    this.#out = out;
  }

  get isTerminal(): boolean {
    return this.#out.isTTY === true;
  }

  line(text: string): void {
    this.#out.write(`${this.#erased()}${text}\n${this.#block}`);
  }

  /** Replaces the block before it. */
  block(text: string): void {
    if (!this.isTerminal) {
      this.#out.write(`\n${text}\n`);
      return;
    }
    const erased = this.#erased();
    this.#block = `\n${fitted(text, this.#out)}`;
    this.#out.write(erased + this.#block);
  }

  /** The block stays where it is. */
  keep(): void {
    if (this.#block !== '') this.#out.write('\n');
    this.#block = '';
  }

  #erased(): string {
    const lines = this.#block.split('\n').length - 1;
    return lines === 0 ? '' : `\x1b[${lines}A\r\x1b[0J`;
  }
}

/** What wraps or scrolls away could not be erased: long lines are cut, and the last ones where there are too many. */
function fitted(text: string, { columns = 80, rows = 24 }: Output): string {
  const lines = text.trimEnd().split('\n');
  // One for the cursor, one above the block, one for what is said meanwhile.
  const room = Math.max(1, rows - 3);
  const shown = lines.length <= room ? lines : [...lines.slice(0, room - 1), '…'];
  return `${shown.map((line) => line.slice(0, Math.max(1, columns - 1))).join('\n')}\n`;
}
