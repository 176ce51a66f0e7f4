import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide, nextAfter } from '../../../src/schedules/occurrences.ts';

const ms = (text: string) => Date.parse(text);
const iso = (times: readonly number[]) => times.map((time) => new Date(time).toISOString().slice(0, 16));
const all = (cron: string, zone = 'Europe/Helsinki') => ({ cron, zone, missed: 'all' as const });

/** The night of 29 March 2026 has no 03:00 to 03:59 in Helsinki; that of 25 October has it twice. In UTC. */
const SPRING = ['2026-03-28T22:00Z', '2026-03-29T03:00Z'] as const;
const AUTUMN = ['2026-10-24T22:00Z', '2026-10-25T03:00Z'] as const;

describe('schedules/occurrences', () => {
  test.each([
    ['30 2 * * *', SPRING, ['2026-03-29T00:30']],
    // Not there: at the end of the gap.
    ['0 3 * * *', SPRING, ['2026-03-29T01:00']],
    ['30 3 * * *', SPRING, ['2026-03-29T01:00']],
    ['0 4 * * *', SPRING, ['2026-03-29T01:00']],
    [
      '0 * * * *',
      SPRING,
      ['2026-03-28T23:00', '2026-03-29T00:00', '2026-03-29T01:00', '2026-03-29T02:00', '2026-03-29T03:00'],
    ],
    ['30 2 * * *', AUTUMN, ['2026-10-24T23:30']],
    // Twice there: the first time.
    ['0 3 * * *', AUTUMN, ['2026-10-25T00:00']],
    ['30 3 * * *', AUTUMN, ['2026-10-25T00:30']],
    ['0 4 * * *', AUTUMN, ['2026-10-25T02:00']],
    [
      '0 * * * *',
      AUTUMN,
      ['2026-10-24T23:00', '2026-10-25T00:00', '2026-10-25T01:00', '2026-10-25T02:00', '2026-10-25T03:00'],
    ],
  ])('%s in Helsinki, in the night of %s', (cron, [from, to], times) => {
    expect(iso(decide(all(cron), ms(from), ms(to)).due)).toEqual(times);
    // The same where somebody looks every second.
    const due: number[] = [];
    for (let at = ms(from); at < ms(to); at += 10_000) due.push(...decide(all(cron), at, at + 10_000).due);
    expect(iso(due)).toEqual(times);
  });

  test('whenever somebody looks, each time is decided once: the looks together give what one look gives', () => {
    const crons = ['* * * * * *', '*/7 * * * *', '30 3 * * *', '0 0 1 * *', '15 12 * * MON'];
    const zones = ['UTC', 'Europe/Helsinki', 'America/New_York', 'Australia/Lord_Howe'];
    fc.assert(
      fc.property(
        fc.constantFrom(...crons),
        fc.constantFrom(...zones),
        fc.integer({ min: ms('2026-01-01T00:00Z'), max: ms('2026-12-01T00:00Z') }),
        fc.array(fc.integer({ min: 1, max: 200_000 }), { minLength: 1, maxLength: 4 }),
        (cron, zone, fromMs, steps) => {
          let lastMs = fromMs;
          const due: number[] = [];
          let nowMs = fromMs;
          for (const step of steps) {
            nowMs += step;
            for (;;) {
              const one = decide(all(cron, zone), lastMs, nowMs);
              due.push(...one.due);
              lastMs = one.untilMs;
              if (one.untilMs === nowMs) break;
            }
          }
          const whole: number[] = [];
          for (let at = fromMs; ; ) {
            const next = nextAfter({ cron, zone }, at);
            if (next === undefined || next > nowMs) break;
            whole.push(next);
            at = next;
          }
          expect(due).toEqual(whole);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('a clock that is set back decides nothing, and nothing again when it has come back', () => {
    const everyMinute = all('* * * * *');
    const first = decide(everyMinute, ms('2026-05-01T10:00:00Z'), ms('2026-05-01T10:02:30Z'));
    expect(first.due).toHaveLength(2);
    const back = decide(everyMinute, first.untilMs, ms('2026-05-01T09:00:00Z'));
    expect(back).toEqual({ due: [], passedOver: 0, untilMs: first.untilMs });
    expect(decide(everyMinute, back.untilMs, ms('2026-05-01T10:02:30Z')).due).toEqual([]);
    expect(iso(decide(everyMinute, back.untilMs, ms('2026-05-01T10:03:00Z')).due)).toEqual([
      '2026-05-01T10:03',
    ]);
  });

  test('of missed times the newest goes in, none, or all; those of the last minute are not missed', () => {
    const last = ms('2026-05-01T10:00:00Z');
    const now = ms('2026-05-01T10:10:30Z');
    const by = (missed: 'once' | 'skip' | 'all') =>
      decide({ cron: '* * * * *', zone: 'UTC', missed }, last, now);
    expect(iso(by('all').due)).toHaveLength(10);
    expect(iso(by('once').due)).toEqual(['2026-05-01T10:09', '2026-05-01T10:10']);
    expect(by('once').passedOver).toBe(8);
    expect(iso(by('skip').due)).toEqual(['2026-05-01T10:10']);
    expect(by('skip').passedOver).toBe(9);
    expect(by('skip').untilMs).toBe(now);
  });

  test('a clock that jumps by years costs no more than a thousand times at once, and forgets none where all are wanted', () => {
    const start = ms('2026-05-01T10:00:00Z');
    const later = ms('2036-05-01T10:00:00Z');
    const once = decide({ cron: '* * * * * *', zone: 'UTC', missed: 'once' }, start, later);
    expect(once.untilMs).toBe(later);
    expect(once.due.length).toBeLessThan(70);
    const some = decide(all('* * * * * *', 'UTC'), start, later);
    expect(some.due).toHaveLength(1_000);
    expect(some.untilMs).toBe(start + 1_000_000);
    expect(decide(all('* * * * * *', 'UTC'), some.untilMs, later).due[0]).toBe(some.untilMs + 1_000);
  });
});
