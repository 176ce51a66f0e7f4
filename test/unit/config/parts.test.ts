// The pure parts of the configuration: units, URLs, nearest names, the choice of a host; with properties.

import { writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Config } from '../../../src/config/config.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { nearest } from '../../../src/config/nearest.ts';
import { chooseHost, type HostChoice } from '../../../src/config/sections/host.ts';
import { parseListen } from '../../../src/config/sections/settings.ts';
import { formatDuration, parseDuration, parseSize } from '../../../src/config/units.ts';
import { expandUrl, parseUrl, urlWithoutSecrets } from '../../../src/config/url/url.ts';
import { givenConfig, givenFile } from '../../support/installation/config-file.ts';
import { formatSize } from '../../support/sizes.ts';

describe('config/units', () => {
  test('durations and sizes are read as people write them', () => {
    expect(['500ms', '30s', '5m', '5min', '1h30m', '1d', '1.5 h', '0'].map(parseDuration)).toEqual([
      500, 30_000, 300_000, 300_000, 5_400_000, 86_400_000, 5_400_000, 0,
    ]);
    expect(['1B', '64kB', '256MB', '256 mb', '1GiB', '0'].map(parseSize)).toEqual([
      1,
      65_536,
      2 ** 28,
      2 ** 28,
      2 ** 30,
      0,
    ]);
  });

  test.each(['', 's', '30', '30 parsecs', '-1s', '1s!', '1e3s', 'soon'])('%j is no duration', (text) => {
    expect(() => parseDuration(text)).toThrow();
  });

  test('formatted values are read back as the same', () => {
    const amount = fc.integer({ min: 0, max: 2 ** 50 });
    fc.assert(fc.property(amount, (ms) => parseDuration(formatDuration(ms)) === ms));
    fc.assert(fc.property(amount, (bytes) => parseSize(formatSize(bytes)) === bytes));
  });
});

describe('config/url/url', () => {
  test('parts are percent-decoded, and an IPv6 address loses its brackets', () => {
    expect(
      parseUrl('postgres://a%40b:p%3Aw@[::1]:6432/my%2Fdb?sslmode=verify-full&sslrootcert=%2Fca.pem'),
    ).toEqual({
      host: '::1',
      port: 6432,
      database: 'my/db',
      user: 'a@b',
      password: 'p:w',
      sslmode: 'verify-full',
      sslrootcert: '/ca.pem',
    });
    expect(parseUrl('postgresql://%2Frun%2Fpg/db')).toEqual({ host: '/run/pg', database: 'db' });
  });

  test('braces expand in host and database, never in user, password or query', () => {
    expect(expandUrl('postgresql://u{1,2}:p{3,4}@h{1..2}/d?sslmode={a,b}')).toEqual([
      'postgresql://u{1,2}:p{3,4}@h1/d?sslmode={a,b}',
      'postgresql://u{1,2}:p{3,4}@h2/d?sslmode={a,b}',
    ]);
  });

  test('a dollar sign or a backslash before a brace is only a character', () => {
    const names = (url: string) => expandUrl(url).map((one) => parseUrl(one).database);
    expect(names('postgresql://h/a$' + '{x,y}')).toEqual(['a$x', 'a$y']);
    expect(names('postgresql://h/a\\{x,y}')).toEqual(['a\\x', 'a\\y']);
  });

  test('several servers of one database have commas between them, each with its port', () => {
    expect(parseUrl('postgresql://u@a:6432,[::1],c:7/db?target_session_attrs=read-write')).toEqual({
      host: 'a',
      port: 6432,
      moreHosts: ['::1', 'c'],
      morePorts: [undefined, 7],
      needsPrimary: true,
      user: 'u',
      database: 'db',
    });
    // What stands behind it takes the place of all of them.
    expect(parseUrl('postgresql://a:1,b:2/db?host=x,y')).toMatchObject({
      ...{ host: 'x', moreHosts: ['y'], port: 1, morePorts: [2] },
    });
    const single = parseUrl('postgresql://a:1,b:2/db?host=x&port=5');
    expect([single.host, single.moreHosts, single.port, single.morePorts]).toEqual([
      'x',
      undefined,
      5,
      undefined,
    ]);
  });

  test('the braces of several servers move together, those of the database through all of them', () => {
    expect(expandUrl('postgresql://db{1,2}a:1,db{1,2}b/app_{x,y}')).toEqual([
      'postgresql://db1a:1,db1b/app_x',
      'postgresql://db1a:1,db1b/app_y',
      'postgresql://db2a:1,db2b/app_x',
      'postgresql://db2a:1,db2b/app_y',
    ]);
    expect(expandUrl('postgresql://{a,b}/x')).toEqual(['postgresql://a/x', 'postgresql://b/x']);
  });

  test('ranges keep their zeros and make all combinations', () => {
    const range = fc.tuple(
      fc.integer({ min: 0, max: 20 }),
      fc.integer({ min: 0, max: 20 }),
      fc.integer({ min: 1, max: 4 }),
    );
    fc.assert(
      fc.property(range, range, (hosts, databases) => {
        const braces = ([from, to, width]: [number, number, number]) =>
          `{${String(from).padStart(width, '0')}..${String(to).padStart(width, '0')}}`;
        const urls = expandUrl(`postgresql://db${braces(hosts)}/app_${braces(databases)}`);
        const size = ([from, to]: [number, number, number]) => Math.abs(to - from) + 1;
        expect(new Set(urls).size).toBe(size(hosts) * size(databases));
        expect(urls[0]).toContain(`db${String(hosts[0]).padStart(hosts[2], '0')}`.slice(0, 2));
      }),
    );
  });

  test('a URL as it is shown can be read back, and has no password', () => {
    const word = fc.string({ minLength: 1, unit: 'grapheme' }).filter((text) => !text.includes('\0'));
    fc.assert(
      fc.property(word, word, fc.integer({ min: 1, max: 65_535 }), (user, database, port) => {
        const url = urlWithoutSecrets({ user, host: 'db-1.example', port, database });
        expect(parseUrl(url)).toEqual({ host: 'db-1.example', port, database, user });
      }),
    );
  });
});

describe('config/nearest', () => {
  test('a typing mistake is found, another word is not', () => {
    expect(nearest('wokers', ['handler', 'workers'])).toBe('workers');
    expect(nearest('Orders', ['orders', 'emails'])).toBe('orders');
    expect(nearest('payments', ['orders', 'emails'])).toBeUndefined();
    expect(nearest('x', ['y'])).toBeUndefined();
  });
});

describe('config/sections/settings', () => {
  test('an address to listen on has a host and a port, or a port alone', () => {
    expect(parseListen('127.0.0.1:7717')).toEqual({ host: '127.0.0.1', port: 7717 });
    expect(parseListen('[::1]:0')).toEqual({ host: '::1', port: 0 });
    expect(parseListen(':80')).toEqual({ host: '127.0.0.1', port: 80 });
    expect(parseListen('7717')).toEqual({ host: '127.0.0.1', port: 7717 });
    expect(['', 'a', 'a:b', 'a:70000', 'http://a:1'].map(parseListen)).toEqual(Array(5).fill(undefined));
  });
});

describe('config/sections/host', () => {
  const config = (): Config =>
    givenConfig(`
central: postgresql://c/events
shards: ['postgresql://db{1,2,10}/a_{0,1}', { url: postgresql://x/b, host: db1 }, postgresql://db1.example.org/c]
queues: { orders: }
`);

  test('this machine is found under its full name, then its first label', () => {
    expect(chooseHost(config(), undefined, 'db2.example.org')).toMatchObject({ host: 'db2' });
    expect(chooseHost(config(), undefined, 'DB1.example.org')).toMatchObject({ host: 'db1.example.org' });
    const { shards } = chooseHost(config(), undefined, 'db1') as HostChoice;
    expect(shards.map(({ name }) => name)).toEqual(['db1/a_0', 'db1/a_1', 'b']);
  });

  test.each(['localhost', '127.0.0.1', '[::1]', '%2Frun%2Fpostgresql'])(
    'a database at %s is on this machine, whatever its name',
    (at) => {
      const local = givenConfig(
        `central: postgresql://c/events\nshards: ['postgresql://${at}/a', postgresql://db1/b]\nqueues: { orders: }\n`,
      );
      for (const flag of [undefined, 'localhost', '127.0.0.1', 'Laptop']) {
        const { shards } = chooseHost(local, flag, 'laptop') as HostChoice;
        expect(shards.map(({ name }) => name)).toEqual(['a']);
      }
      expect(chooseHost(local, undefined, 'db1')).toMatchObject({ host: 'db1' });
      expect(chooseHost(local, 'other', 'laptop')).toHaveProperty('problem');
    },
  );

  test('shards of `any` belong to every machine', () => {
    const managed = givenConfig(
      `central: postgresql://c/events\nshards: ['postgresql://rds.example/a_{1,2}']\ndefaults: { host: any }\nqueues: { orders: }\n`,
    );
    for (const [flag, host] of [
      [undefined, 'pod-7f'],
      ['any', 'pod-7f'],
      ['worker-3', 'worker-3'],
    ] as const) {
      const choice = chooseHost(managed, flag, 'pod-7f') as HostChoice;
      // Each machine is known by its own name, or nobody could tell which of them is in trouble.
      expect([choice.host, choice.shards.length]).toEqual([host, 2]);
    }
    const mixed = givenConfig(
      `central: postgresql://c/events\nshards: ['postgresql://db1/a', { url: postgresql://rds.example/b, host: any }]\nqueues: { orders: }\n`,
    );
    const of = (flag: string | undefined, hostname: string) =>
      chooseHost(mixed, flag, hostname) as HostChoice;
    expect(of(undefined, 'db1')).toMatchObject({ host: 'db1', shards: [{ name: 'a' }, { name: 'b' }] });
    expect(of(undefined, 'pod-7f')).toMatchObject({ host: 'pod-7f', shards: [{ name: 'b' }] });
    expect(chooseHost(mixed, 'db2', 'pod-7f')).toHaveProperty('problem');
  });

  test('no match is a sentence with the hosts of the file', () => {
    const chosen = chooseHost(config(), undefined, 'laptop') as { problem: string };
    expect(chosen.problem).toMatch(
      /^No shard in \S+ is on this machine \(laptop\): say --host with one of db1, db1\.example\.org, db2, db10, or `host: any` for the shards that any machine may move, or --adopt, with which it moves only those of hosts without a mover\.$/,
    );
    const flagged = chooseHost(config(), 'db11', 'db1') as { problem: string };
    expect(flagged.problem).toMatch(/is on host db11: the hosts there are .*\. Did you mean db\d+\?$/);
    // Where it is said, it has no shards of its own, but those that any machine may move.
    expect(chooseHost(config(), 'db11', 'db1', true)).toEqual({ host: 'db11', shards: [] });
    expect(chooseHost(config(), undefined, 'laptop', true)).toEqual({ host: 'laptop', shards: [] });
    expect(chooseHost(config(), 'db2', 'laptop', true)).toEqual(chooseHost(config(), 'db2', 'laptop'));
  });
});

describe('config/load: whatever the file holds', () => {
  const VALID = `
name: shop
central: { url: !env CENTRAL_URL, admin: a:b }
shards:
  - url: postgresql://db{01..03}/app_{00..02}
  - { name: legacy, host: db03, url: 'postgresql://10.0.0.9:6432/old' }
defaults: { user: tributary, password: !env PGPASSWORD, tls: off, port: 5433 }
queues:
  orders: { workers: none, columns: { data: "upper(ev_data)" }, retry: { first: 1s } }
  emails: { from: [email_out, email_bulk], where: "ev_type <> 'test'", start: oldest, keep: 10s }
mover:  { memory: 256MB, whole: 64MB, adopt_after: 30s }
http:   { listen: 127.0.0.1:7717, token: !env PGPASSWORD }
`;
  const env = { CENTRAL_URL: 'postgresql://c/events', PGPASSWORD: 's3cret-s3cret' };
  const pieces = fc.oneof(
    fc.string({ maxLength: 6 }),
    fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      '\n',
      '  ',
      ':',
      ': ',
      '- ',
      '!env ',
      '&a ',
      '*a',
      '"',
      "'",
      '#',
      '\t',
      '|',
      '~',
      '0',
      '!x ',
      '%',
      '---\n',
      '<<: ',
    ),
  );

  test('the file that they start from has no mistake', () => {
    expect(loadConfig(givenFile(VALID), { env }).problems).toBeUndefined();
  });

  test('any change of the file gives a configuration or mistakes with a place in it, never an exception or a secret', () => {
    const file = givenFile('');
    const change = fc.tuple(fc.nat(VALID.length), fc.nat(30), pieces);
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
        let text = VALID;
        for (const [at, length, piece] of changes) text = text.slice(0, at) + piece + text.slice(at + length);
        writeFileSync(file, text);
        const result = loadConfig(file, { env });
        const lines = text.split('\n');
        for (const { line, column, sentence } of [...(result.problems ?? []), ...result.warnings]) {
          expect(line).toBeGreaterThanOrEqual(1);
          expect(line).toBeLessThanOrEqual(lines.length);
          expect(column).toBeGreaterThanOrEqual(1);
          expect(column).toBeLessThanOrEqual((lines[line - 1] ?? '').length + 1);
          expect(sentence).toMatch(/^[`A-Z!][^\n]*[.?]$/u);
          expect(sentence).not.toContain('s3cret');
        }
        expect(result.config === undefined).toBe((result.problems?.length ?? 0) > 0);
      }),
      { numRuns: 1_000 },
    );
  }, 120_000);
});
