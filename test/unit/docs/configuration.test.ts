// docs/configuration.md lists the keys that the loader knows, all of them and no others, with the defaults that it has.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { formatDuration } from '../../../src/config/units.ts';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
import { givenConfig, mistakesIn } from '../../support/installation/config-file.ts';
import { formatSize } from '../../support/sizes.ts';

const text = readFileSync(packagePath('docs', 'configuration.md'), 'utf8');
const STRANGE = 'qqqqqqqqqqqqqqqqqqqqqqqq';

const top = (changes: Readonly<Record<string, string>>) =>
  Object.entries({
    central: 'postgresql://db/central',
    shards: '[postgresql://db/app]',
    queues: '{ orders: {} }',
    ...changes,
  })
    .map(([key, value]) => `${key}: ${value}\n`)
    .join('');

/** Where each table of the page stands, and a file with a key there that nobody knows. */
const PLACES: readonly (readonly [heading: string, after: string, file: string])[] = [
  ['## The top', '', top({ [STRANGE]: '1' })],
  ['## `shards[]`', '', top({ shards: `[{ url: postgresql://db/app, ${STRANGE}: 1 }]` })],
  ['## `central`', '', top({ central: `{ url: postgresql://db/central, ${STRANGE}: 1 }` })],
  ['## `defaults`', '', top({ defaults: `{ ${STRANGE}: 1 }` })],
  ['### TLS', 'The map has one key', top({ defaults: `{ tls: { ${STRANGE}: 1 } }` })],
  ['### `admin`', '', top({ defaults: `{ admin: { ${STRANGE}: 1 } }` })],
  ['## `queues.NAME`', '', top({ queues: `{ orders: { ${STRANGE}: 1 } }` })],
  ['## `queues.NAME`', 'Of `columns`', top({ queues: `{ orders: { columns: { ${STRANGE}: 1 } } }` })],
  ['## `queues.NAME`', 'Of `retry`', top({ queues: `{ orders: { retry: { ${STRANGE}: 1 } } }` })],
  ['## `queues.NAME`', 'Of `recycle`', top({ queues: `{ orders: { recycle: { ${STRANGE}: 1 } } }` })],
  ['### groups', '', top({ queues: `{ orders: { groups: { a: { ${STRANGE}: 1 } } } }` })],
  ['## `capture.NAME`', '', top({ capture: `{ a: { ${STRANGE}: 1 } }` })],
  ['## `mover`', '', top({ mover: `{ ${STRANGE}: 1 }` })],
  ['## `http`', '', top({ http: `{ ${STRANGE}: 1 }` })],
  ['### `http.live`', '', top({ http: `{ listen: ':1', live: { ${STRANGE}: 1 } }` })],
  ['## `metrics`', '', top({ metrics: `{ ${STRANGE}: 1 }` })],
];

describe('docs/configuration', () => {
  test.each(PLACES)(
    'the table of %s %s lists the keys that the loader knows there',
    (heading, after, file) => {
      const sentence = mistakesIn(file).find((mistake) => mistake.includes(STRANGE)) ?? '';
      const known = /the keys there are (.*)\.$/.exec(sentence)?.[1]?.split(', ') ?? [];
      expect(known).not.toEqual([]);
      expect(
        rowsOf(heading, after)
          .map(([key]) => key)
          .sort(),
      ).toEqual([...known].sort());
    },
  );

  test('the defaults in the tables are those of the loader', () => {
    const { name, queues, mover, metrics } = givenConfig(top({}));
    const [queue] = queues;
    const defaults = {
      name,
      timeout: formatDuration(queue?.timeoutMs ?? -1),
      create: String(queue?.create),
      origin: queue?.origin,
      on_poison: queue?.onPoison,
    };
    const stated = new Map([...rowsOf('## The top', ''), ...rowsOf('## `queues.NAME`', '')]);
    for (const [key, value] of Object.entries(defaults)) expect([key, stated.get(key)]).toEqual([key, value]);

    const retry = new Map(rowsOf('## `queues.NAME`', 'Of `retry`'));
    expect(Object.fromEntries(retry)).toEqual({
      attempts: String(queue?.retry.attempts),
      first: formatDuration(queue?.retry.firstMs ?? -1),
      max: formatDuration(queue?.retry.maxMs ?? -1),
    });
    expect(new Map(rowsOf('## `metrics`', '')).get('per_source')).toBe(String(metrics.perSource));
    const limits = new Map(rowsOf('## `mover`', ''));
    expect(limits.get('memory')).toBe(formatSize(mover.memoryBytes));
    expect(limits.get('whole')).toContain(formatSize(mover.wholeBytes));
    const whole = new Map(rowsOf('### `whole`', ''));
    expect(whole.get('bytes')).toContain(formatSize(mover.wholeBytes));
    expect(whole.get('events')).toBe(String(mover.wholeEvents));
    expect(limits.get('adopt_after')).toBe(formatDuration(mover.adoptAfterMs));
    expect(limits.get('delay')).toBe(formatDuration(mover.delayMs));
    expect(limits.get('keep')).toBe(formatDuration(queue?.keepMs ?? -1));
  });

  test('the example at the top has no mistake', () => {
    const example = /```yaml\n([\s\S]*?)```/.exec(text)?.[1] ?? '';
    const env = {
      CENTRAL_URL: 'postgresql://db/central',
      SHARD_PASSWORD: 'secret',
      TRIBUTARY_TOKEN: 'token',
    };
    expect(givenConfig(example, env).shards).toHaveLength(257);
  });
});

/** Key and default of each row of the first table behind a heading, and behind a text below it. */
function rowsOf(heading: string, after: string): [string, string][] {
  const section = text.split(`\n${heading}\n`)[1] ?? '';
  const lines = section.slice(section.indexOf(after)).split('\n');
  const first = lines.findIndex((line) => line.startsWith('| key '));
  const rows = lines.slice(first + 2);
  const end = rows.findIndex((line) => !line.startsWith('|'));
  return rows.slice(0, end).map((row) => {
    const [, key = '', value = ''] = row.split('|').map((cell) => cell.trim());
    return [key.replaceAll('`', ''), value.replaceAll('`', '')];
  });
}
