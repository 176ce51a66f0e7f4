// The blocks of a page that a test runs, each under a mark in the line before it: `<!-- runs: shard -->`.
import { readFileSync } from 'node:fs';
import { packagePath } from '../../../src/lifecycle/package-root.ts';

export interface Block {
  /** The rest of the mark behind its word. */
  readonly mark: string;
  readonly text: string;
}

/**
 * @param page from the package's root.
 * @param word what the marks begin with.
 */
export function markedBlocks(page: string, word = 'runs'): Block[] {
  const text = readFileSync(packagePath(page), 'utf8');
  const marked = new RegExp(`^ *<!-- ${word}: (.+?) -->\\n *\`\`\`\\w+\\n([\\s\\S]*?)^ *\`\`\`$`, 'gm');
  return [...text.matchAll(marked)].map(([, mark = '', block = '']) => ({ mark, text: block }));
}

/** The text of the one block with this mark. */
export function blockOf(blocks: readonly Block[], mark: string): string {
  const block = blocks.find((one) => one.mark === mark);
  if (block === undefined) throw new Error(`No block of the page is marked \`${mark}\`.`);
  return block.text;
}
