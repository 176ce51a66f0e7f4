// What the demo prints: lines that stay, and under them a block that is redrawn on a terminal, or repeated elsewhere.
import type { Output } from '../context.ts';
import { fitted, wrapped } from '../terminal/fit.ts';
import { widthOf } from '../terminal/output.ts';

/** Rows beside the block: one for the cursor, one above it, one for a line that is printed meanwhile. */
const BESIDES = 3;

export class Screen {
  readonly #out: Output;
  #block = '';

  constructor(out: Output) {
    this.#out = out;
  }

  get isTerminal(): boolean {
    return this.#out.isTTY === true;
  }

  /** A sentence is broken between words; a text of several lines keeps its layout. */
  line(text: string): void {
    const shown = text.includes('\n') ? text : wrapped(text, widthOf(this.#out));
    this.#out.write(`${this.#erased()}${shown}\n${this.#block}`);
  }

  /** Replaces the block before it. */
  block(text: string): void {
    if (!this.isTerminal) {
      this.#out.write(`\n${text}\n`);
      return;
    }
    const erased = this.#erased();
    this.#block = `\n${fitted(text, this.#out, BESIDES)}`;
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
