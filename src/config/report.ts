// Collects what is wrong with a file, and where.
import type { LineCounter } from 'yaml';

/** One mistake (or warning): where it is, what is wrong, and what would be right. */
export interface Problem {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** 1-based. */
  readonly column: number;
  readonly sentence: string;
}

export class Report {
  readonly #file: string;
  readonly #lines: LineCounter;
  readonly #problems = new Map<string, Problem>();
  readonly #warnings = new Map<string, Problem>();

  /** @param file as it is to be shown. */
  constructor(file: string, lines: LineCounter) {
    this.#file = file;
    this.#lines = lines;
  }

  /** A mistake at an offset of the text. The same one at the same place counts once. */
  problem(offset: number, sentence: string): void {
    this.#add(this.#problems, offset, sentence);
  }

  warn(offset: number, sentence: string): void {
    this.#add(this.#warnings, offset, sentence);
  }

  lineOf(offset: number): number {
    return this.#lines.linePos(offset).line;
  }

  /** In the order of the file. */
  get problems(): readonly Problem[] {
    return sorted(this.#problems);
  }

  get warnings(): readonly Problem[] {
    return sorted(this.#warnings);
  }

  #add(to: Map<string, Problem>, offset: number, sentence: string): void {
    const { line, col } = this.#lines.linePos(offset);
    to.set(`${line}:${col} ${sentence}`, { file: this.#file, line, column: col, sentence });
  }
}

const sorted = (problems: Map<string, Problem>): readonly Problem[] =>
  [...problems.values()].sort((a, b) => a.line - b.line || a.column - b.column);
