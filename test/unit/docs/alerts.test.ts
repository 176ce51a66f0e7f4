// The alerts of monitoring/: they name metrics that there are, and each is tried where it fires and where all is well.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
import { METRICS } from '../../../src/observability/metrics/catalogue.ts';

interface Alerts {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly alert: string;
      readonly expr: string;
      readonly annotations: { readonly summary: string; readonly action: string };
    }[];
  }[];
}

interface Trials {
  readonly tests: readonly {
    readonly input_series: readonly { readonly series: string }[];
    readonly alert_rule_test: readonly {
      readonly alertname: string;
      readonly exp_alerts?: readonly object[];
    }[];
  }[];
}

const read = (name: string): unknown => parse(readFileSync(packagePath('monitoring', name), 'utf8'));
const rules = (read('alerts.yaml') as Alerts).groups.flatMap((group) => group.rules);
const trials = (read('alerts-test.yaml') as Trials).tests;
const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

/** Of a histogram also that of its buckets. */
const nameOf = (series: string): string =>
  series in METRICS ? series : series.replace(/_(bucket|sum|count)$/, '');

test('alerts name metrics and labels that exist', () => {
  const seriesOf = trials.flatMap(({ input_series }) => input_series.map(({ series }) => series));
  for (const text of [...rules.map(({ expr }) => expr), ...seriesOf]) {
    const names = text.match(/\btributary_\w+/g) ?? [];
    expect([text, names.length > 0]).toEqual([text, true]);
    expect(names.filter((name) => !(nameOf(name) in METRICS))).toEqual([]);
  }
  for (const series of seriesOf) {
    const [name = '', labels = ''] = series.split(/[{}]/);
    const known: readonly string[] = [
      ...METRICS[nameOf(name) as keyof typeof METRICS].labels,
      'instance',
      'le',
    ];
    expect([...labels.matchAll(/(\w+)=/g)].filter(([, label = '']) => !known.includes(label))).toEqual([]);
  }
});

test('each alert says what to do, and is tested to fire, and not to fire where all is well', () => {
  const names = rules.map(({ alert }) => alert);
  expect(rules.filter(({ annotations }) => !annotations.summary || !annotations.action)).toEqual([]);
  const [well, ...others] = trials;
  expect(well?.alert_rule_test.map(({ alertname }) => alertname)).toEqual(names);
  expect(well?.alert_rule_test.filter(({ exp_alerts }) => exp_alerts !== undefined)).toEqual([]);
  const fired = others.flatMap(({ alert_rule_test }) =>
    alert_rule_test.flatMap(({ alertname, exp_alerts = [] }) => (exp_alerts.length > 0 ? [alertname] : [])),
  );
  expect(fired).toEqual(names);
});

test.runIf(hasPromtool)('promtool accepts the alerts, and sees the same', () => {
  const options = { cwd: packagePath('monitoring'), encoding: 'utf8' } as const;
  const ran = spawnSync('promtool', ['test', 'rules', 'alerts-test.yaml'], options);
  expect([ran.status, ran.status === 0 ? '' : ran.stdout + ran.stderr]).toEqual([0, '']);
});
