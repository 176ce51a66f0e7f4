// Figures of metrics as values: counted in a process, handed to another one, and joined.
import { z } from 'zod';
import { type MetricName, metric } from './catalogue.ts';

const distribution = z.object({
  /** One for each bucket, none of them counted twice, and one for what is above all. */
  counts: z.array(z.number()),
  sum: z.number(),
});

const sample = z.object({
  /** Values, in the order of the metric's labels. */
  labels: z.array(z.string()),
  value: z.union([z.number(), distribution]),
});

/** By the name of the metric. */
export const figuresSchema = z.record(z.string(), z.array(sample));

export type Distribution = z.infer<typeof distribution>;
export type Sample = z.infer<typeof sample>;
export type Figures = z.infer<typeof figuresSchema>;

/** Joins figures that have no series in common. */
export function together(all: readonly Figures[]): Figures {
  const sum: Record<string, Sample[]> = {};
  for (const figures of all)
    for (const [name, samples] of Object.entries(figures)) sum[name] = [...(sum[name] ?? []), ...samples];
  return sum;
}

/** Counts and observes, for as long as the process lives. */
export class Instruments {
  readonly #series = new Map<MetricName, Map<string, Sample>>();

  /** Raises a counter; by 0 it is there from the beginning, so that its first rise is seen. */
  count(name: MetricName, labels: readonly string[], by = 1): void {
    const own = this.#of(name, labels, 0);
    own.value = (own.value as number) + by;
  }

  /** Adds a value to a histogram. */
  observe(name: MetricName, labels: readonly string[], value: number): void {
    const { counts, sum } = emptyDistribution(name);
    counts[bucketOf(name, value)] = 1;
    this.add(name, labels, { counts, sum: sum + value });
  }

  /** Adds values that another process has observed. */
  add(name: MetricName, labels: readonly string[], { counts, sum }: Distribution): void {
    const own = this.#of(name, labels, emptyDistribution(name)).value as Distribution;
    for (const [at, count] of counts.entries()) own.counts[at] = (own.counts[at] ?? 0) + count;
    own.sum += sum;
  }

  get figures(): Figures {
    return Object.fromEntries([...this.#series].map(([name, series]) => [name, [...series.values()]]));
  }

  #of(name: MetricName, labels: readonly string[], first: Sample['value']): Sample {
    const series = this.#series.get(name) ?? new Map<string, Sample>();
    this.#series.set(name, series);
    const key = JSON.stringify(labels);
    const known = series.get(key) ?? { labels: [...labels], value: first };
    series.set(key, known);
    return known;
  }
}

/** Of values that are not kept: one sample for each. */
export function gauge(...rows: readonly (readonly [labels: readonly string[], value: number])[]): Sample[] {
  return rows.map(([labels, value]) => ({ labels: [...labels], value }));
}

function emptyDistribution(name: MetricName): Distribution {
  return { counts: Array(bucketsOf(name).length + 1).fill(0), sum: 0 };
}

function bucketOf(name: MetricName, value: number): number {
  const buckets = bucketsOf(name);
  const at = buckets.findIndex((end) => value <= end);
  return at === -1 ? buckets.length : at;
}

const bucketsOf = (name: MetricName): readonly number[] => metric(name).buckets ?? [];
