// What belongs to central, as metrics: nothing that is not known looks like nothing that waits; and how much a scrape is.
import { describe, expect, test } from 'vitest';
import type { CentralLag, LagReport, SourceLag } from '../../../../src/observability/lag/report.ts';
import { exposition } from '../../../../src/observability/metrics/exposition.ts';
import type { Figures } from '../../../../src/observability/metrics/figures.ts';
import { centralFigures } from '../../../../src/observability/metrics/of-central.ts';

const source = (changes: Partial<SourceLag> = {}): SourceLag => ({
  shard: 's1',
  queue: 'orders',
  centralQueue: 'orders',
  state: 'moving',
  reason: undefined,
  mover: 'alpha',
  eventsBehind: 3,
  isExact: true,
  secondsBehind: 0.5,
  lastTick: 9,
  moved: 100,
  provider: 'engine',
  ageSeconds: 1,
  ...changes,
});

const queue = (changes: Partial<CentralLag> = {}): CentralLag => ({
  queue: 'orders',
  workersWanted: 2,
  workersRunning: 1,
  eventsBehind: 7,
  isExact: true,
  secondsBehind: 4,
  retrying: 6,
  dead: 5,
  recent: { tried: 100, failed: 0, error: undefined },
  batches: [],
  reason: undefined,
  isStuck: false,
  ...changes,
});

function figures(
  report: Pick<LagReport, 'sources' | 'central'> & Partial<LagReport>,
  { queues = ['orders'], isPerSource = false } = {},
): Figures {
  return centralFigures({ at: new Date(0), ...report }, { queues, isPerSource });
}

const values = (all: Figures, name: string) =>
  (all[name] ?? []).map(({ labels, value }) => [...labels, value]);

describe('observability/metrics of central', () => {
  test('unmoved events are added up over the sources that are known, the others are counted', () => {
    const all = figures({
      sources: [
        source(),
        source({ shard: 's2', eventsBehind: 10, secondsBehind: 2 }),
        source({ shard: 's3', eventsBehind: 1_000_000, secondsBehind: 99, ageSeconds: 60 }),
        source({ shard: 's4', state: 'unreachable', eventsBehind: undefined, secondsBehind: undefined }),
      ],
      central: [queue()],
    });
    expect(values(all, 'tributary_unmoved_events')).toEqual([['orders', 13]]);
    expect(values(all, 'tributary_oldest_unmoved_event_age_seconds')).toEqual([['orders', 2]]);
    expect(values(all, 'tributary_sources_unknown')).toEqual([['orders', 2]]);
    expect(values(all, 'tributary_sources')).toEqual([
      ['moving', 3],
      ['idle', 0],
      ['paused', 0],
      ['halted', 0],
      ['unreachable', 1],
      ['unassigned', 0],
    ]);
  });

  test('where no source of a queue is known, nothing is said of how much is unmoved', () => {
    const all = figures({ sources: [source({ ageSeconds: undefined })], central: [queue()] });
    expect(values(all, 'tributary_unmoved_events')).toEqual([]);
    expect(values(all, 'tributary_oldest_unmoved_event_age_seconds')).toEqual([]);
    expect(values(all, 'tributary_sources_unknown')).toEqual([['orders', 1]]);
  });

  test('of a central queue everything is as lag shows it, and what is not known is absent', () => {
    const all = figures({ sources: [], central: [queue({ isStuck: true })], filesDiffer: 'They do.' });
    const of = (name: string) => values(all, `tributary_${name}`);
    expect(of('waiting_events')).toEqual([['orders', 7]]);
    expect(of('oldest_waiting_event_age_seconds')).toEqual([['orders', 4]]);
    expect(of('retrying_events')).toEqual([['orders', 6]]);
    expect(of('dead_events')).toEqual([['orders', 5]]);
    expect([of('workers_wanted'), of('workers_running')]).toEqual([[['orders', 2]], [['orders', 1]]]);
    expect([of('queue_stuck'), of('host_files_differ')]).toEqual([[['orders', 1]], [[1]]]);
    const unknown = { eventsBehind: undefined, secondsBehind: undefined, workersWanted: undefined };
    const silent = figures({ sources: [], central: [queue(unknown)] });
    for (const name of [
      'waiting_events',
      'oldest_waiting_event_age_seconds',
      'workers_wanted',
      'workers_running',
    ])
      expect([name, values(silent, `tributary_${name}`)]).toEqual([name, []]);
  });

  test('sources have series of their own only where that is asked for', () => {
    const report = { sources: [source({ state: 'halted', ageSeconds: undefined })], central: [queue()] };
    expect(Object.keys(figures(report)).filter((name) => /_source_/.test(name))).toEqual([]);
    const all = figures(report, { isPerSource: true });
    expect(values(all, 'tributary_source_moving')).toEqual([['s1', 'orders', 0]]);
    expect(values(all, 'tributary_source_unmoved_events')).toEqual([]);
  });

  test('1280 sources are less than 2 MB of text', () => {
    const sources = Array.from({ length: 1_280 }, (_, n) =>
      source({
        shard: `shard_of_a_long_name_${n}`,
        queue: `queue_of_a_long_name_${n % 5}`,
        secondsBehind: n / 7,
      }),
    );
    const text = exposition(figures({ sources, central: [queue()] }, { isPerSource: true }));
    expect(text.match(/^tributary_source_unmoved_events\{/gm)).toHaveLength(1_280);
    expect(text.length).toBeLessThan(2_000_000);
  });
});
