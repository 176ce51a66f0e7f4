import { describe, expect, test } from 'vitest';
import { LateWriters } from '../../../../src/mover/source/late-writers.ts';

const tick = (eventSeq: number, snapshot: string) => ({
  id: eventSeq,
  timeUs: eventSeq,
  eventSeq,
  md5: `m${eventSeq}`,
  snapshot,
  open: false,
});

describe('mover/source/late-writers', () => {
  test('without late writers a window holds as many events as its ticks are apart', () => {
    const writers = new LateWriters();
    expect(writers.mostEventsIn({ start: tick(10, '5:5:'), end: tick(30, '9:9:') })).toBe(20);
  });

  test('a transaction that was open over many windows may have taken all the numbers since', () => {
    const writers = new LateWriters();
    expect(writers.mostEventsIn({ start: tick(10, '5:6:5'), end: tick(1_000, '5:8:5') })).toBe(990);
    expect(writers.mostEventsIn({ start: tick(1_000, '5:8:5'), end: tick(2_000, '5:9:5') })).toBe(1_000);
    expect(writers.mostEventsIn({ start: tick(2_000, '5:9:5'), end: tick(2_001, '12:12:') })).toBe(1_991);
    expect(writers.mostEventsIn({ start: tick(2_001, '12:12:'), end: tick(2_002, '13:13:') })).toBe(1);
  });

  test('of several transactions the one counts that was open longest and has ended', () => {
    const writers = new LateWriters();
    writers.mostEventsIn({ start: tick(0, '5:6:5'), end: tick(10, '5:8:5,7') });
    writers.mostEventsIn({ start: tick(10, '5:8:5,7'), end: tick(20, '5:9:5,7') });
    expect(writers.mostEventsIn({ start: tick(20, '5:9:5,7'), end: tick(21, '5:10:5') })).toBe(11);
    expect(writers.mostEventsIn({ start: tick(21, '5:10:5'), end: tick(22, '11:11:') })).toBe(22);
  });
});
