// Every duration is on one page, and those that promises rest on fit together.
import { afterEach, describe, expect, test, vi } from 'vitest';
import { TIMING } from '../../../src/lifecycle/timing.ts';
import { filesIn } from '../../support/pages/source-tree.ts';

/** Rooms whose durations are no part of the running system or run in a browser, or are set by users and have their defaults there. */
const ELSEWHERE = /^src\/(cli\/demo|config|embedded|page|proof)\//;
/** What looks like a duration and is a unit, a rate, or a limit of what users may say. */
const NO_DURATIONS = [
  'HOUR_MS',
  'LEAST_BYTES_PER_MS',
  'CENTRAL_BYTES_PER_MS',
  'DEFAULT_MAX_SECONDS',
  'COUNTED_SECONDS',
  'AGED_SECONDS',
  'MOST_AFTER_MS',
  'MOST_TIMEOUT_MS',
];
const DURATION =
  /\b(?:const (\w+_(?:MS|SECONDS)) = [\d_. *]+;|(\w+(?:Ms|Seconds)): [1-9][\d_]+\b|(\w+(?:Ms|Seconds)) = [1-9][\d_]+\b)/g;

describe('lifecycle/timing', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.resetModules();
  });

  test('no duration of the running system is defined anywhere else', () => {
    const found = filesIn('src', '.ts')
      .filter(({ path }) => !ELSEWHERE.test(path) && !/lifecycle\/durations\//.test(path))
      .flatMap(({ path, text }) =>
        [...text.matchAll(DURATION)].map(([, constant, key, standard]) => ({
          path,
          name: constant ?? key ?? standard ?? '',
        })),
      )
      .filter(({ name }) => !NO_DURATIONS.includes(name));
    expect(found).toEqual([]);
  });

  test('nothing in the table can be changed while it runs', () => {
    for (const group of [TIMING, ...Object.values(TIMING)]) expect(Object.isFrozen(group)).toBe(true);
  });

  test('every duration is used somewhere', () => {
    const text = filesIn('src', '.ts')
      .map((file) => file.text)
      .join('\n');
    const names = Object.entries(TIMING).flatMap(([group, entries]) =>
      Object.keys(entries).map((name) => `TIMING.${group}.${name}`),
    );
    expect(names.filter((name) => !new RegExp(`${name.replaceAll('.', '\\.')}\\b`).test(text))).toEqual([]);
  });

  test('durations that depend on each other fit together', () => {
    const { gathering, leases, otherTicker, pool, reading, watchdog, worker } = TIMING;
    // A holder misses several beats before its lease is gone, and knows that first.
    expect(leases.beatMs * 5).toBeLessThanOrEqual(leases.leaseMs);
    expect(leases.workerBeatMs * 5).toBeLessThanOrEqual(leases.leaseMs);
    expect(worker.leaseForMs + worker.pulseMs).toBeLessThan(leases.leaseMs);
    // Who takes a source over keeps still while the one before may still tick.
    expect(otherTicker.handoverMs).toBeGreaterThan(leases.leaseMs);
    // A batch is given to others only after several heartbeats that did not come.
    expect(pool.silentMemberMs).toBeGreaterThanOrEqual(4 * pool.heartbeatEveryMs);
    // What has an end of its own ends before the watchdog believes that it stands still.
    const longest = Math.max(
      gathering.commitMs,
      reading.copyMs,
      reading.largeWindowMs,
      watchdog.longestRestMs,
    );
    expect(longest).toBeLessThan(watchdog.stillMs);
  });

  test('a test may shorten single ones', async () => {
    vi.stubEnv('TRIBUTARY_TIMING', 'gathering.commitMs=3000  slots.parkedMs=500 worker.idle=7');
    const { TIMING: shortened } = await import('../../../src/lifecycle/timing.ts');
    expect(shortened.gathering).toEqual({ ...TIMING.gathering, commitMs: 3_000 });
    expect(shortened.slots.parkedMs).toBe(500);
    expect(shortened.worker.idle).toEqual({ firstMs: 7, maxMs: 7 });
    expect(shortened.leases).toEqual(TIMING.leases);
  });

  test.each([
    'gathering.comitMs=3000',
    'gathering.commitMs',
    'gathering.trouble.firstMs=5',
    'commitMs=3000',
    'x=y',
  ])('a test may not set a duration that does not exist: %s', async (setting) => {
    vi.stubEnv('TRIBUTARY_TIMING', setting);
    vi.resetModules();
    await expect(import('../../../src/lifecycle/timing.ts')).rejects.toThrow(
      `TRIBUTARY_TIMING: ${setting} names no duration of lifecycle/durations/table.ts.`,
    );
  });
});
