// docs/metrics.md has every metric, with its type, its labels and its meaning, and no other.
import { expect, test } from 'vitest';
import { METRICS, type Metric } from '../../../src/observability/metrics/catalogue.ts';
import { rowsUnder } from '../../support/pages/tables.ts';

const HEADINGS = [
  'Of each process',
  'Of a mover',
  'Of workers',
  'Of streams',
  'Of a spool',
  'Of central',
  'Of single sources',
];

test('the tables list the metrics that are served', () => {
  const expected = Object.entries(METRICS).map(([name, { type, labels, help }]: [string, Metric]) => {
    const shown = labels.map((label) => `\`${label}\``).join(', ');
    return `| \`${name}\` | ${type} | ${shown} | ${help} |`;
  });
  // Where this fails, copy the lines that it expects into the page.
  expect(HEADINGS.flatMap((heading) => rowsUnder('docs/metrics.md', heading))).toEqual(expected);
});
