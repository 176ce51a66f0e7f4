// Figures in the text format of Prometheus, version 0.0.4. Pure.
//
// Written here, and not by a library: the usual one has had no release for two years, and its successor needs a newer
// Node.js than we do.
import { METRICS, type Metric, type MetricName } from './catalogue.ts';
import type { Distribution, Figures, Sample } from './figures.ts';

export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** In the order of the catalogue; metrics without a sample are left out. */
export function exposition(figures: Figures): string {
  const names = (Object.keys(METRICS) as MetricName[]).filter((name) => (figures[name] ?? []).length > 0);
  return names.map((name) => family(name, METRICS[name], figures[name] ?? [])).join('');
}

function family(name: string, metric: Metric, samples: readonly Sample[]): string {
  const lines = [`# HELP ${name} ${escapeHelp(metric.help)}`, `# TYPE ${name} ${metric.type}`];
  for (const { labels, value } of samples) {
    const pairs = metric.labels.map((label, at) => `${label}="${escapeLabel(labels[at] ?? '')}"`);
    if (typeof value === 'number') lines.push(`${name}${braced(pairs)} ${shownNumber(value)}`);
    else lines.push(...distributionLines(name, { pairs, value, buckets: metric.buckets ?? [] }));
  }
  return `${lines.join('\n')}\n`;
}

interface ShownDistribution {
  readonly pairs: readonly string[];
  readonly value: Distribution;
  readonly buckets: readonly number[];
}

function distributionLines(name: string, { pairs, value, buckets }: ShownDistribution): string[] {
  let count = 0;
  const lines = [...buckets, Infinity].map((end, at) => {
    count += value.counts[at] ?? 0;
    return `${name}_bucket${braced([...pairs, `le="${shownNumber(end)}"`])} ${count}`;
  });
  return [
    ...lines,
    `${name}_sum${braced(pairs)} ${shownNumber(value.sum)}`,
    `${name}_count${braced(pairs)} ${count}`,
  ];
}

const braced = (pairs: readonly string[]): string => (pairs.length === 0 ? '' : `{${pairs.join(',')}}`);

function shownNumber(value: number): string {
  if (Number.isFinite(value)) return String(value);
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? '+Inf' : '-Inf';
}

const escapeHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
const escapeLabel = (text: string): string => escapeHelp(text).replaceAll('"', '\\"');
