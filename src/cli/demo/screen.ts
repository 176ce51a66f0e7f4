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
    this.#out.write(`${this.#erase()}${text}\n`);
    if (this.#block !== '') this.#out.write(this.#block);
  }

  /** Replaces the block before it. */
  block(text: string): void {
    const erase = this.#erase();
    const fitted = this.isTerminal ? `\n${narrowed(text, this.#out.columns ?? 80)}` : `\n${text}\n`;
    this.#out.write(erase + fitted);
    if (this.isTerminal) this.#block = fitted;
  }

  /** The block stays where it is. */
  keep(): void {
    if (this.#block !== '') this.#out.write('\n');
    this.#block = '';
  }

  #erase(): string {
    const lines = this.#block.split('\n').length - 1;
    return lines === 0 ? '' : `\x1b[${lines}A\r\x1b[0J`;
  }
}

/** A line that wraps would be two, and what is above could not be erased. */
const narrowed = (text: string, columns: number): string =>
  text
    .split('\n')
    .map((line) => line.slice(0, Math.max(1, columns - 1)))
    .join('\n');
