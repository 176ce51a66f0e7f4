import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Cutter, type RowPiece } from '../../../../src/mover/windows/cutter.ts';
import { ORIGIN_TAKEN } from '../../../../src/shards/copy-out.ts';
import { DESTINATION_BIT, NOBODY } from '../../../../src/shards/routes.ts';
import { decodeRows } from '../../../support/mover/copy-rows.ts';

interface Row {
  readonly k: number;
  readonly id: number;
  readonly isTaken: boolean;
  /** Of a source with routes. */
  readonly to?: number;
  readonly fields: readonly (string | null)[];
}

const field = fc.option(fc.string({ unit: 'grapheme', maxLength: 60 }), { nil: null });
const rows = fc
  .array(
    fc.record({
      k: fc.nat({ max: 3 }),
      id: fc.nat({ max: 2 ** 40 }),
      isTaken: fc.boolean(),
      fields: fc.array(field, { minLength: 7, maxLength: 7 }),
    }),
    { maxLength: 40 },
  )
  // A COPY has its windows one after another.
  .map((list): Row[] => list.sort((a, b) => a.k - b.k));

const HEADER = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)]);

const fieldBytes = (value: string | null): Buffer => {
  const bytes = Buffer.from(value ?? '');
  const length = Buffer.alloc(4);
  length.writeInt32BE(value === null ? -1 : bytes.length);
  return value === null ? length : Buffer.concat([length, bytes]);
};

function rowBytes({ k, id, isTaken, to = 0, fields }: Row): Buffer {
  const prefix = Buffer.alloc(22);
  prefix.writeInt16BE(fields.length + 2, 0);
  prefix.writeInt32BE(4, 2);
  prefix.writeInt32BE(k + (isTaken ? ORIGIN_TAKEN : 0) + to * 2 ** DESTINATION_BIT, 6);
  prefix.writeInt32BE(8, 10);
  prefix.writeBigInt64BE(BigInt(id), 14);
  return Buffer.concat([prefix, ...fields.map(fieldBytes)]);
}

const streamOf = (list: readonly Row[]) =>
  Buffer.concat([HEADER, ...list.map(rowBytes), Buffer.from([0xff, 0xff])]);

/** Cut at the given places, as the network might. */
function chunksOf(stream: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [...new Set(cuts.map((cut) => cut % stream.length))].sort((a, b) => a - b);
  // Copies: the cutter works in place.
  return [0, ...at].map((from, index) => Buffer.from(stream.subarray(from, at[index] ?? stream.length)));
}

function cut(
  list: readonly Row[],
  { cuts, oversizeBytes }: { cuts: readonly number[]; oversizeBytes: number },
) {
  const cutter = new Cutter({ oversizeBytes });
  const pieces: RowPiece[] = chunksOf(streamOf(list), cuts).flatMap((chunk) => cutter.push(chunk));
  return { cutter, pieces };
}

const expectedOf = (list: readonly Row[], k: number) =>
  list.filter((row) => row.k === k).map(({ fields }) => [...fields]);

const decoded = (pieces: readonly RowPiece[], k: number) =>
  decodeRows(Buffer.concat(pieces.filter((piece) => piece.k === k).map(({ bytes }) => bytes)));

const cuts = fc.array(fc.nat(), { maxLength: 30 });
const oversize = fc.constantFrom(30, 100, 1_000_000);

describe('mover/windows/cutter', () => {
  test('wherever the stream is cut and whatever counts as too large, each window gets its rows without our columns', () => {
    fc.assert(
      fc.property(rows, cuts, oversize, (list, places, oversizeBytes) => {
        const { cutter, pieces } = cut(list, { cuts: places, oversizeBytes });
        expect(cutter.hasEnded).toBe(true);
        for (let k = 0; k <= 3; k += 1) expect(decoded(pieces, k)).toEqual(expectedOf(list, k));
      }),
    );
  });

  test('it counts rows and taken origins, and knows the first and last event of each piece', () => {
    fc.assert(
      fc.property(rows, cuts, oversize, (list, places, oversizeBytes) => {
        const { pieces } = cut(list, { cuts: places, oversizeBytes });
        const total = (value: (piece: RowPiece) => number) =>
          pieces.reduce((sum, piece) => sum + value(piece), 0);
        expect(total((piece) => piece.rows)).toBe(list.length);
        expect(total((piece) => piece.taken)).toBe(list.filter(({ isTaken }) => isTaken).length);
        let at = 0;
        for (const piece of pieces.filter(({ rows }) => rows > 0)) {
          expect(piece.firstEventId).toBe(list[at]?.id);
          at += piece.rows;
          expect(piece.lastEventId).toBe(list[at - 1]?.id);
        }
      }),
    );
  });

  test('windows come one after another, and only a row too large to be held comes in parts', () => {
    fc.assert(
      fc.property(rows, cuts, oversize, (list, places, oversizeBytes) => {
        const { pieces } = cut(list, { cuts: places, oversizeBytes });
        expect(pieces.map(({ k }) => k)).toEqual(pieces.map(({ k }) => k).toSorted((a, b) => a - b));
        const longest = Math.max(0, ...list.map((row) => rowBytes(row).length));
        if (longest <= oversizeBytes) expect(pieces.every(({ part }) => part === undefined)).toBe(true);
      }),
    );
  });

  test('a stream that breaks off has not ended, and gives no part of a row that is to be held', () => {
    fc.assert(
      fc.property(rows, fc.nat(), (list, place) => {
        const stream = streamOf(list);
        const cutter = new Cutter({ oversizeBytes: 1_000_000 });
        const pieces = cutter.push(Buffer.from(stream.subarray(0, place % stream.length)));
        if (place % stream.length < stream.length) expect(cutter.hasEnded).toBe(false);
        for (let k = 0; k <= 3; k += 1) {
          const got = decoded(pieces, k);
          expect(got).toEqual(expectedOf(list, k).slice(0, got.length));
        }
      }),
    );
  });

  test('rows of a source with routes come apart by route, in their order, and those that no route takes are counted', () => {
    const routed = rows.chain((list) =>
      fc
        .array(fc.constantFrom(1, 2, 3, NOBODY), { minLength: list.length, maxLength: list.length })
        .map((tos) => list.map((row, at): Row => (row.k < 2 ? row : { ...row, to: tos[at] as number }))),
    );
    fc.assert(
      fc.property(routed, cuts, (list, places) => {
        const { pieces } = cut(list, { cuts: places, oversizeBytes: 1_000_000 });
        const own = (k: number) => pieces.filter((piece) => piece.k === k);
        for (const k of [0, 1]) expect(decoded(pieces, k)).toEqual(expectedOf(list, k));
        for (const k of [2, 3]) {
          for (const to of [1, 2, 3]) {
            const parts = own(k).flatMap(({ routed: all = [] }) => all.filter((one) => one.to === to));
            const expected = expectedOf(
              list.filter((row) => row.to === to),
              k,
            );
            expect(decodeRows(Buffer.concat(parts.map(({ bytes }) => bytes)))).toEqual(expected);
            expect(parts.reduce((sum, part) => sum + part.rows, 0)).toBe(expected.length);
          }
          const left = own(k).reduce((sum, { unrouted = 0 }) => sum + unrouted, 0);
          expect(left).toBe(list.filter((row) => row.k === k && row.to === NOBODY).length);
          expect(
            own(k).every(
              ({ bytes, routed: all = [] }) =>
                bytes.length === all.reduce((sum, one) => sum + one.bytes.length, 0),
            ),
          ).toBe(true);
        }
      }),
    );
  });

  test('a stream that is no COPY is refused', () => {
    const cutter = new Cutter({ oversizeBytes: 1_000 });
    expect(() => cutter.push(Buffer.concat([HEADER, Buffer.from([0, 1, 0, 0])]))).toThrow('has 1 fields');
  });
});
