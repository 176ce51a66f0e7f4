// The blocks of a page that a test runs, each under the mark in the line before it: `<!-- runs: shard -->`.
import { readFileSync } from 'node:fs';
import { packagePath } from '../../src/lifecycle/package-root.ts';

export interface Block {
  /** What the mark says. */
  readonly mark: string;
  readonly language: string;
  readonly text: string;
}

/** @param page from the package's root. */
export function markedBlocks(page: string): Block[] {
  const text = readFileSync(packagePath(page), 'utf8');
  return [...text.matchAll(/^ *<!-- runs: (.+?) -->\n *```(\w+)\n([\s\S]*?)^ *```$/gm)].map(
    ([, mark = '', language = '', block = '']) => ({ mark, language, text: block }),
  );
}
