// How schedules stand by what is stored of them, and the metrics of that.
import { expect, test } from 'vitest';
import type { Schedule } from '../../../src/config/config.ts';
import { scheduleFigures } from '../../../src/observability/metrics/of-schedules.ts';
import { readStandings } from '../../../src/schedules/standing.ts';

const hourMs = 3_600_000;
const nowMs = Date.parse('2026-03-01T12:10:00Z');
const noonMs = Date.parse('2026-03-01T12:00:00Z');

const schedule = (name: string, cron = '0 * * * *'): Schedule =>
  ({ name, queue: 'reports', cron, zone: 'UTC', missed: 'once', type: name }) as Schedule;

const stored = (name: string, changes: Record<string, unknown> = {}) => ({
  ...{ name, decidedMs: noonMs, lastDueMs: noonMs, lastSentMs: noonMs + 5, sent: 7, passedOver: 2 },
  ...{ pausedMs: null, pausedBy: null },
  ...changes,
});

const read = (schedules: readonly Schedule[], rows: readonly object[]) =>
  readStandings(
    { query: async (text: string) => (text.includes('schedule_list') ? rows : [{ ms: nowMs }]) } as never,
    schedules,
  );

test('what went in last, what is next, and since when that is overdue', async () => {
  const all = await read(
    ['well', 'late', 'paused', 'new', 'unseen', 'never'].map((name) =>
      schedule(name, name === 'never' ? '0 0 31 2 *' : undefined),
    ),
    [
      stored('well'),
      stored('late', { decidedMs: noonMs - hourMs - 1, lastDueMs: noonMs - 2 * hourMs }),
      stored('paused', { decidedMs: noonMs - 5 * hourMs, pausedMs: nowMs - 30_000, pausedBy: 'ann@db01' }),
      stored('new', { lastDueMs: null, lastSentMs: null, sent: 0, passedOver: 0 }),
      stored('never'),
    ],
  );
  expect(all.map(({ name }) => name)).toEqual(['well', 'late', 'paused', 'new', 'never']);
  const series = Object.fromEntries(
    Object.entries(scheduleFigures(all)).map(([name, samples]) => [
      name.replace('tributary_schedule_', ''),
      Object.fromEntries(samples.map(({ labels: [label = ''], value }) => [label, value])),
    ]),
  );
  const noon = noonMs / 1_000;
  expect(series).toEqual({
    last_time_seconds: { well: noon, late: noon - 7_200, paused: noon, never: noon },
    next_time_seconds: { well: noon + 3_600, late: noon - 3_600, new: noon + 3_600 },
    // Of one that is paused, and of one that has no next time, nothing is due.
    overdue_seconds: { well: 0, late: 4_200, new: 0 },
    paused: { well: 0, late: 0, paused: 1, new: 0, never: 0 },
    events_total: { well: 7, late: 7, paused: 7, new: 0, never: 7 },
    passed_over_total: { well: 2, late: 2, paused: 2, new: 0, never: 2 },
  });
  expect(all.find(({ name }) => name === 'paused')?.paused).toEqual({ by: 'ann@db01', seconds: 30 });
});
