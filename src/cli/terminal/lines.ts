// Splits a stream of bytes into lines of text, ended by \n or \r\n only; holds one line in memory.
import type { Readable } from 'node:stream';

/** @throws TypeError where the bytes are no UTF-8. */
export async function* linesOf(stream: Readable): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  // Pieces of an incomplete line, joined once: the cost of a line of many chunks stays linear.
  let pieces: string[] = [];
  for await (const chunk of stream) {
    const text = decoder.decode(typeof chunk === 'string' ? Buffer.from(chunk) : (chunk as Uint8Array), {
      stream: true,
    });
    const parts = text.split('\n');
    for (const [at, part] of parts.entries()) {
      pieces.push(part);
      if (at === parts.length - 1) break;
      yield withoutReturn(pieces.join(''));
      pieces = [];
    }
  }
  const last = pieces.join('') + decoder.decode();
  if (last !== '') yield withoutReturn(last);
}

const withoutReturn = (line: string): string => (line.endsWith('\r') ? line.slice(0, -1) : line);
