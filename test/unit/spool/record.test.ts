// The format of a spool: whatever tears, overwrites or mixes its bytes, only records that were written come out, in their order.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EventTexts } from '../../../src/queue/insert.ts';
import type { Segment } from '../../../src/spool/folder.ts';
import { decodeRecord, encodeRecord, type SpoolRecord } from '../../../src/spool/record.ts';
import { type Cursor, readOn } from '../../../src/spool/writer-log.ts';
import { givenFolder } from '../../support/files.ts';

const field = fc.option(fc.string({ unit: 'binary', maxLength: 40 }), { nil: null });
const event = fc.tuple(field, field, field, field, field, field) as fc.Arbitrary<EventTexts>;
const events = fc.array(event, { minLength: 1, maxLength: 3 });
const records = fc
  .array(fc.record({ queue: fc.string({ maxLength: 10 }), events, atMs: fc.nat() }), {
    minLength: 1,
    maxLength: 8,
  })
  .map((list) => list.map((one, at): SpoolRecord => ({ seq: at + 1, ...one })));

const plain = (list: readonly SpoolRecord[]) => JSON.parse(JSON.stringify(list)) as SpoolRecord[];
const start: Cursor = { number: 1, offset: 0, seq: 0 };
const most = { events: 1_000, bytes: 1_000_000 };

/** The files of one writer. */
function givenSegments(files: readonly Buffer[], { isRetired = false } = {}): Segment[] {
  const folder = givenFolder();
  return files.map((bytes, at) => {
    const path = join(folder, `${at + 1}`);
    writeFileSync(path, bytes);
    return { path, writer: 'w', number: at + 1, isRetired: isRetired && at === files.length - 1 };
  });
}

/** Reads to the end in parts, as the spooler does. */
function readAll(segments: readonly Segment[], limits = most) {
  const found: SpoolRecord[] = [];
  const damages: unknown[] = [];
  let cursor = start;
  for (;;) {
    const part = readOn(segments, cursor, limits);
    found.push(...part.records);
    damages.push(...part.damages);
    cursor = part.next;
    if (part.records.length === 0) return { found, damages, done: part.done.length };
  }
}

describe('spool/record', () => {
  test('what is written comes out, in parts of any size and over files cut at any record', () => {
    fc.assert(
      fc.property(records, fc.nat(8), fc.integer({ min: 1, max: 5 }), (all, cut, atOnce) => {
        const encoded = all.map(encodeRecord);
        const segments = givenSegments([
          Buffer.concat(encoded.slice(0, cut)),
          Buffer.concat(encoded.slice(cut)),
        ]);
        const { found, damages } = readAll(segments, { ...most, events: atOnce });
        expect(plain(found)).toEqual(plain(all));
        expect(damages).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  test('a file torn at any byte, with any bytes behind, gives the records before, and is waited for while it may grow', () => {
    fc.assert(
      fc.property(
        records,
        fc.nat(),
        fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.constant(new Uint8Array(5_000))),
        fc.boolean(),
        (all, place, garbage, isRetired) => {
          const encoded = all.map(encodeRecord);
          const whole = Buffer.concat(encoded);
          const at = place % (whole.length + 1);
          const torn = Buffer.concat([whole.subarray(0, at), garbage]);
          let kept = 0;
          for (let end = 0; kept < all.length; kept += 1) {
            end += encoded[kept]?.length ?? 0;
            if (end > at) break;
          }
          const { found, damages, done } = readAll(givenSegments([torn], { isRetired }));
          // Bytes that happen to be the rest of the record make it whole again.
          const isWhole = torn.subarray(0, whole.length).equals(whole.subarray(0, torn.length));
          if (!isWhole) expect(plain(found)).toEqual(plain(all.slice(0, kept)));
          const rest = torn.length - encoded.slice(0, kept).reduce((sum, { length }) => sum + length, 0);
          if (isWhole) return;
          expect({ damages: damages.length, done }).toEqual(
            isRetired ? { damages: rest > 0 ? 1 : 0, done: 1 } : { damages: 0, done: 0 },
          );
        },
      ),
      { numRuns: 150 },
    );
  });

  test('a byte that changes in a finished file costs the records that it is in, and is noticed', () => {
    fc.assert(
      fc.property(records, fc.nat(), fc.integer({ min: 1, max: 255 }), (all, place, change) => {
        const encoded = all.map(encodeRecord);
        const bytes = Buffer.concat(encoded);
        const at = place % bytes.length;
        bytes[at] = (bytes[at] ?? 0) ^ change;
        const last = encodeRecord({ seq: all.length + 1, queue: 'q', events: [], atMs: 0 });
        const { found, damages } = readAll(givenSegments([bytes, last]));
        let [hit, end] = [0, encoded[0]?.length ?? 0];
        for (; end <= at; end += encoded[hit]?.length ?? 0) hit += 1;
        const expected = [...all.slice(0, hit), ...all.slice(hit + 1)];
        expect(plain(found.slice(0, -1))).toEqual(plain(expected));
        expect(found.at(-1)?.seq).toBe(all.length + 1);
        expect(damages).toHaveLength(1);
      }),
      { numRuns: 150 },
    );
  });

  test('an empty body, a length of nowhere and other JSON do not decode', () => {
    for (const bytes of [Buffer.alloc(64), Buffer.alloc(64, 0xff), Buffer.from(' '.repeat(64))])
      expect(decodeRecord(bytes, 0).kind).toBe('bad');
    expect(decodeRecord(Buffer.alloc(7), 0).kind).toBe('incomplete');
  });
});
