// A query of several statements, some of them COPY FROM STDIN, that sends the data of each COPY right behind its text.
//
// The server reads the data when it gets to the COPY. Where a statement before a COPY fails, the server ignores the data, as
// the protocol says.
import type { Writable } from 'node:stream';
import type pg from 'pg';
import { driver } from './driver.ts';

/** int8 'd', int32 length of itself and the data. */
const COPY_DATA = 'd'.charCodeAt(0);
const FRAME_BYTES = 5;
/** int8 'c', int32 length of itself. */
const COPY_DONE = Buffer.from([...Buffer.from('c'), 0, 0, 0, 4]);

export interface CopyScriptEnd {
  resolve(results: pg.QueryResult[]): void;
  reject(error: Error): void;
}

export class CopyScript extends driver.Query {
  /** @param copies the data of each COPY, in their order, each less than 2^31 bytes. */
  constructor(text: string, copies: readonly (readonly Buffer[])[], { resolve, reject }: CopyScriptEnd) {
    super(text, (error, results) => {
      if (error === undefined || error === null) resolve(results as unknown as pg.QueryResult[]);
      else reject(error);
    });
    this.submit = (connection) => {
      const { stream } = connection as unknown as { stream: Writable };
      stream.cork();
      connection.query(text);
      for (const chunks of copies) {
        for (const bytes of [frameOf(chunks), ...chunks, COPY_DONE]) stream.write(bytes);
      }
      stream.uncork();
    };
  }

  /** The data was sent already. */
  handleCopyInResponse(): void {}
}

function frameOf(chunks: readonly Buffer[]): Buffer {
  const frame = Buffer.alloc(FRAME_BYTES);
  frame.writeInt8(COPY_DATA);
  frame.writeInt32BE(FRAME_BYTES - 1 + chunks.reduce((sum, { length }) => sum + length, 0), 1);
  return frame;
}
