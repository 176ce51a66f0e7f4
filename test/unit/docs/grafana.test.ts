// The dashboard of monitoring/: its queries name metrics and labels that there are, and its panels lie beside each other.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
import { METRICS, type Metric } from '../../../src/observability/metrics/catalogue.ts';

const source = z.object({ type: z.literal('prometheus'), uid: z.string().regex(/^\$\{source\}$/) });
const place = z.object({
  h: z.int().min(1),
  w: z.int().min(1).max(24),
  x: z.int().min(0).max(23),
  y: z.int().min(0),
});
const panel = z.discriminatedUnion('type', [
  z.object({ id: z.int(), type: z.literal('row'), title: z.string().min(1), gridPos: place }),
  ...(['stat', 'timeseries'] as const).map((type) =>
    z.object({
      id: z.int(),
      type: z.literal(type),
      title: z.string().min(1),
      datasource: source,
      gridPos: place,
      fieldConfig: z.object({ defaults: z.object({ unit: z.enum(['short', 's', 'bytes']) }) }),
      targets: z
        .array(z.object({ refId: z.string(), expr: z.string(), legendFormat: z.string() }))
        .nonempty(),
    }),
  ),
]);
const dashboard = z.object({
  uid: z.string(),
  title: z.string(),
  schemaVersion: z.int().min(30),
  panels: z.array(panel).nonempty(),
  templating: z.object({ list: z.array(z.object({ name: z.string(), type: z.string() })) }),
  annotations: z.object({
    list: z.array(z.object({ name: z.string(), datasource: source, expr: z.string() })),
  }),
});

const shown = dashboard.parse(JSON.parse(readFileSync(packagePath('monitoring', 'grafana.json'), 'utf8')));
const queries = [
  ...shown.panels.flatMap((one) => (one.type === 'row' ? [] : one.targets.map(({ expr }) => expr))),
  ...shown.annotations.list.map(({ expr }) => expr),
];
const nameOf = (series: string): string =>
  series in METRICS ? series : series.replace(/_(bucket|sum|count)$/, '');

test('each metric in it exists, with the labels that it is asked by', () => {
  for (const query of queries) {
    const names = query.match(/\btributary_\w+/g) ?? [];
    expect([query, names.length > 0]).toEqual([query, true]);
    const known = names.map(nameOf).filter((name) => name in METRICS);
    expect([query, known.length]).toEqual([query, names.length]);
    const labels = known.flatMap((name) => (METRICS as Record<string, Metric>)[name]?.labels ?? []);
    const asked = [...query.matchAll(/by \(([^)]*)\)|\{([^}]*)\}/g)].flatMap(([, by = '', of = '']) => [
      ...by.split(', '),
      ...[...of.matchAll(/(\w+)=/g)].map(([, label = '']) => label),
    ]);
    const strange = asked.filter((label) => label !== '' && !['le', 'instance', ...labels].includes(label));
    expect([query, strange]).toEqual([query, []]);
  }
});

test('no two panels have one number or one place', () => {
  const ids = shown.panels.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  const cells = shown.panels.flatMap(({ gridPos: { h, w, x, y } }) =>
    Array.from({ length: h * w }, (_, at) => `${x + (at % w)},${y + Math.floor(at / w)}`),
  );
  expect(new Set(cells).size).toBe(cells.length);
  expect(cells.filter((cell) => Number(cell.split(',')[0]) > 23)).toEqual([]);
});

const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

test.runIf(hasPromtool)('Prometheus can read its queries', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-grafana-'));
  const rules = queries.map((expr, at) => ({ record: `query_${at}`, expr: expr.replaceAll('$queue', '.*') }));
  writeFileSync(join(folder, 'queries.yaml'), JSON.stringify({ groups: [{ name: 'queries', rules }] }));
  const checked = spawnSync('promtool', ['check', 'rules', join(folder, 'queries.yaml')], {
    encoding: 'utf8',
  });
  rmSync(folder, { recursive: true });
  expect([checked.status, checked.stderr]).toEqual([0, '']);
});
