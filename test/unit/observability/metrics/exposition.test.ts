// The text that is served to Prometheus, and how figures are counted and put together.
import { describe, expect, test } from 'vitest';
import { METRICS, type MetricName } from '../../../../src/observability/metrics/catalogue.ts';
import { exposition } from '../../../../src/observability/metrics/exposition.ts';
import {
  figuresSchema,
  gauge,
  Instruments,
  together,
} from '../../../../src/observability/metrics/figures.ts';

const HELP = METRICS.tributary_moved_events_total.help;

describe('observability/metrics', () => {
  test('a metric has its help, its type and a line for each series, in the order of the catalogue', () => {
    const text = exposition({
      tributary_shards_held: gauge([[], 3]),
      tributary_moved_events_total: gauge([['orders'], 12], [['emails'], 0]),
    });
    expect(text).toBe(
      [
        `# HELP tributary_moved_events_total ${HELP}`,
        '# TYPE tributary_moved_events_total counter',
        'tributary_moved_events_total{queue="orders"} 12',
        'tributary_moved_events_total{queue="emails"} 0',
        `# HELP tributary_shards_held ${METRICS.tributary_shards_held.help}`,
        '# TYPE tributary_shards_held gauge',
        'tributary_shards_held 3',
        '',
      ].join('\n'),
    );
  });

  test('a metric without a series, and one that is not in the catalogue, are left out', () => {
    expect(exposition({ tributary_shards_held: [], strange_total: gauge([[], 1]) })).toBe('');
  });

  test('values of labels cannot end their quotes or their line', () => {
    const text = exposition({ tributary_dead_events: gauge([['a"b\\c\nd'], 1]) });
    expect(text.split('\n')[2]).toBe('tributary_dead_events{queue="a\\"b\\\\c\\nd"} 1');
  });

  test('a histogram is cumulative, ends with all there are, and has sum and count', () => {
    const instruments = new Instruments();
    for (const sources of [1, 2, 3, 4_000])
      instruments.observe('tributary_commit_sources', ['orders'], sources);
    const lines = exposition(instruments.figures).split('\n').slice(2, -1);
    expect(lines).toEqual([
      'tributary_commit_sources_bucket{queue="orders",le="1"} 1',
      'tributary_commit_sources_bucket{queue="orders",le="2"} 2',
      'tributary_commit_sources_bucket{queue="orders",le="5"} 3',
      ...['10', '20', '50', '100', '200', '500', '1000'].map(
        (le) => `tributary_commit_sources_bucket{queue="orders",le="${le}"} 3`,
      ),
      'tributary_commit_sources_bucket{queue="orders",le="+Inf"} 4',
      'tributary_commit_sources_sum{queue="orders"} 4006',
      'tributary_commit_sources_count{queue="orders"} 4',
    ]);
  });

  test('what was observed elsewhere is added, and figures pass through a channel as they are', () => {
    const instruments = new Instruments();
    instruments.observe('tributary_handler_duration_seconds', ['orders'], 0.002);
    const counts = Array(20).fill(0);
    counts[0] = 5;
    instruments.add('tributary_handler_duration_seconds', ['orders'], { counts, sum: 0.0005 });
    const text = exposition(figuresSchema.parse(JSON.parse(JSON.stringify(instruments.figures))));
    expect(text).toContain('_bucket{queue="orders",le="0.0001"} 5\n');
    expect(text).toContain('_count{queue="orders"} 6\n');
    expect(text).toContain('_sum{queue="orders"} 0.0025\n');
  });

  test('figures of several parts stand side by side', () => {
    const both = together([
      { tributary_process_resident_memory_bytes: gauge([['mover'], 1]) },
      { tributary_process_resident_memory_bytes: gauge([['start'], 2]) },
    ]);
    expect(both.tributary_process_resident_memory_bytes).toHaveLength(2);
  });

  test('names and buckets are as Prometheus wants them, and no label is an id', () => {
    for (const [name, { type, labels, help, ...more }] of Object.entries(METRICS)) {
      expect([name, /^tributary_[a-z_]+$/.test(name)]).toEqual([name, true]);
      expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
      expect([name, help.endsWith('.')]).toEqual([name, true]);
      expect([name, labels.filter((label) => !LABELS.includes(label))]).toEqual([name, []]);
      const buckets = 'buckets' in more ? more.buckets : [];
      expect([name, buckets.length > 0]).toEqual([name, type === 'histogram']);
      expect([...buckets].sort((a, b) => a - b)).toEqual([...buckets]);
    }
    expect(Object.keys(METRICS).length).toBeGreaterThan(30);
    expect(METRICS['tributary_sources' satisfies MetricName].labels).toEqual(['state']);
  });
});

const LABELS: readonly string[] = [
  ...[
    'queue',
    'stage',
    'kind',
    'how',
    'shard',
    'source_queue',
    'schedule',
    'state',
    'reason',
    'outcome',
    'cause',
    'of',
    'by',
    'role',
    'version',
    'node',
  ],
];
