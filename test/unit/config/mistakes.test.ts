// Every kind of mistake in a shards.yaml: its place, and the sentence.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { givenFile, mistakesIn } from '../../support/installation/config-file.ts';

/** A file without mistakes but for what is put into it. */
const file = ({
  central = 'postgresql://c/events',
  shards = '[postgresql://db1/app]',
  rest = '',
  queues = '{ orders: }',
}) => `central: ${central}\nshards: ${shards}\nqueues: ${queues}\n${rest}`;

describe('config/load: mistakes', () => {
  test('sixteen mistakes in one file are sixteen sentences, each with its line and column', () => {
    const text = `name: my shop
central: mysql://c/events
shards:
  - postgresql://db{01..02}/app
  - { url: postgresql://db01/app, nmae: twin }
  - postgresql://db3
  - { url: "postgresql://db{4,5}/x", name: both }
defaults: { password: !env NOT_SET, tls: sometimes }
queues:
  orders: { worker: 4 }
  emails: { workers: 2 }
  news: { from: [orders], timeout: 30, start: later }
  news: { workers: none }
mover: { memory: lots }
http: { token: x }
`;
    expect(mistakesIn(text)).toEqual([
      '1:7 `name` must be a name of letters, digits, `_` and `-`, at most 40, not `my shop`.',
      '2:10 `central` must start with postgresql://, not mysql://.',
      '5:5 The database db01:5432/app is here a second time, first in line 4: its events would arrive twice, so remove one.',
      '5:35 Unknown key `nmae` in `shards[1]`: did you mean `name`?',
      '6:5 `shards[2]` names no database: write it at the end, as in postgresql://user@host:5432/database, or set PGDATABASE.',
      '7:44 `shards[3].name` is one name for 2 databases: remove it, and each is named after its database.',
      '8:23 `defaults.password` comes from the environment variable NOT_SET, which is not set: set it before the start.',
      '8:42 `defaults.tls` must be `off`, `require`, `verify` or `{ ca: FILE }`, not `sometimes`.',
      '10:13 Unknown key `worker` in `queues.orders`: did you mean `workers`?',
      '11:22 `queues.emails` wants workers and has no handler: add `handler: ./handlers/…`, or say `workers: 0` to park it or `workers: none` to forward only.',
      '12:18 The source queue `orders` feeds `news` here and `orders` in line 10: take it out of one, or say which of them get an event, with `routes: { orders: first }` (the first whose `where` matches) or `routes: { orders: all }` (each whose `where` matches).',
      '12:36 `queues.news.timeout` needs a unit: write `30s` for seconds or `30ms` for milliseconds.',
      '12:47 `queues.news.start` must be `now` or `oldest`, or `at-consumer NAME`, not `later`.',
      '13:3 `news` stands in `queues` twice, first in line 12: keep one.',
      '14:18 `mover.memory` must be a size such as `64kB`, `256MB` or `1GB`, not `lots`.',
      '15:7 `listen` is missing in `http`: add `listen: 127.0.0.1:7717`.',
    ]);
  });

  test('what is missing at the top is said once for each key', () => {
    expect(mistakesIn('name: shop\n')).toEqual([
      '1:1 `central` is missing in the file: add `central: !env CENTRAL_URL`, or a URL.',
      '1:1 `shards` is missing in the file: add a list with the URL of each database under `shards:`.',
      '1:1 `queues` is missing in the file: add each central queue under `queues:`.',
    ]);
    expect(mistakesIn('')).toEqual(['1:1 The file is empty: `tributary init` writes one to start from.']);
    expect(mistakesIn('# nothing\n')).toHaveLength(1);
    expect(mistakesIn('- a\n')).toEqual(['1:1 The file must be a map of keys and values.']);
  });

  test.each([
    ['a: b: c', '1:4 A second `key:` on the same line: put it on a line of its own, or the value in quotes.'],
    ['a: "x', /^1:\d+ Something is missing before this/],
    ['a: {x: 1', /^1:\d+ Something is missing before this|^1:\d+ A `\[` or `\{` before this is not closed/],
    ['a:\n\t- x', /^2:1 A tab is used for indentation/],
    ['a: !secret x', '1:4 This tag is not known: the only one is `!env NAME`.'],
    ['a: @x', '1:4 Text that starts with this character needs quotes.'],
    ['a: *x', /^1:4 An alias/],
    ['a: !env [x]', /^1:4 (`!env` stands before the name|This tag)/],
    ['a: 1\n---\nb: 2', /^2:1 A second document/],
    ['a: 1\nb: [c, d\ne: 2', /^3:1 A `\[` or `\{` before this is not closed/],
    ['a: {b: 1\nc: 2\n', /^2:1 A `\[` or `\{` before this is not closed/],
  ])('wrong syntax: %j', (text, sentence) => {
    const [first] = mistakesIn(text);
    if (typeof sentence === 'string') expect(first).toBe(sentence);
    else expect(first).toMatch(sentence);
  });

  test.each([
    ['shards:\n  - { url: postgresql://db{01..16}/app_{00..15}, host: a }\nqueues: { orders: }\n', '2:27'],
    ['name: a\nshards: [{ url: postgresql://db{1..8}/b }]\nqueues: { orders: }\n', '2:32'],
  ])('a URL whose braces have no quotes is one mistake', (text, at) => {
    expect(mistakesIn(text)).toEqual([
      `${at} This is not expected here: text with braces, commas, brackets, quotes or \`#\` in it needs quotes around it.`,
    ]);
  });

  test('the message for too many workers says how many are allowed', () => {
    expect(mistakesIn(file({ queues: '{ a: { workers: 1001, handler: ./h.js } }' }))).toEqual([
      '3:25 `queues.a.workers` must be a whole number from 0 to 1000, or `none`, not `1001`.',
    ]);
  });

  test.each([
    [
      'postgresql://',
      'names no database: write it at the end, as in postgresql://user@host:5432/database, or set PGDATABASE.',
    ],
    ['db1/app', 'must be a URL such as postgresql://user@host:5432/database.'],
    ['postgresql://db:99999/app', 'has a port that is no number from 1 to 65535.'],
    ['postgresql://db1,/app', 'has an empty host between its commas.'],
    [
      'postgresql://db{1..3},db{4..5}/app',
      'has braces that differ between its servers (3 and 2 names): the first server of each list belongs to the first of the others.',
    ],
    [
      'postgresql://db1,db2,db3/app?port=1,2',
      'has 3 hosts and 2 ports: give one port for all, or one for each.',
    ],
    ['postgresql://db/a{01..}', 'has braces that do not expand: write a range `{01..16}` or a list `{a,b}`.'],
    ['postgresql://db/a{1..20000}', 'expands to more than 10,000 databases: correct the ranges in braces.'],
    ['postgresql://db/a%zz', 'has a `%` in the database that starts no percent-encoding: write it as %25.'],
    [
      'postgresql://db/a?conect_timeout=3',
      'has a parameter that is not known, `conect_timeout`: the nearest is `connect_timeout`.',
    ],
    [
      'postgresql://db/a?sslmode=on',
      'has an sslmode that is not known: it must be one of disable, allow, prefer, require, verify-ca, verify-full.',
    ],
    [
      'postgresql://db/a?sslrootcert=no.pem',
      'names the certificate file `no.pem`, which does not exist: correct the path (relative to this file).',
    ],
    [
      'postgresql://::1/app',
      'has more than one colon in the host: an IPv6 address needs brackets, as in [::1].',
    ],
  ])('a wrong URL: %s', (url, sentence) => {
    expect(mistakesIn(file({ shards: `["${url}"]` }))).toEqual([`2:10 \`shards[0]\` ${sentence}`]);
  });

  test.each([
    'postgresql://ann:s3cret/x@db1/app',
    'postgresql://ann:s3cret@db1/app?x=1',
    'postgresql://ann:s3cret#1@db1/app',
    'postgresql://ann:a?s3cret@db1/app',
    'postgresql://ann:s3cret',
    'postgresql://ann:s3cret%zz@db1/app',
    'http://ann:s3cret@db1/app',
    'ann:s3cret@db1/app',
    'postgresql://ann:s3cret@db{1..}/app',
    'postgresql://db1/app?pasword=s3cret',
    'postgresql://db1/app?s3cret@',
  ])('a wrong URL never shows its password: %s', (url) => {
    const result = loadConfig(givenFile(file({ central: `'${url}'` }), { mode: 0o644 }), { env: {} });
    expect(result.problems).toHaveLength(1);
    expect(JSON.stringify(result)).not.toContain('s3cret');
    const fromEnv = mistakesIn(file({ central: '!env CENTRAL_URL' }), { CENTRAL_URL: url });
    expect(fromEnv).toHaveLength(1);
    expect(fromEnv[0]).toContain('the value of the environment variable CENTRAL_URL');
    expect(fromEnv[0]).not.toContain('s3cret');
  });

  test('a value from the environment is never shown, wherever it stands', () => {
    const rest = 'name: !env S\nmover: { memory: !env S, keep: !env S }\nhttp: { listen: !env S }';
    const queues = '{ a: { workers: !env S, start: !env S, origin: !env S, create: !env S } }';
    const found = mistakesIn(file({ rest, queues }), { S: 's3 cret' });
    expect(found).toHaveLength(8);
    expect(found.join()).not.toContain('s3 cret');
    expect(found.join()).toContain('not the value of the environment variable S');
  });

  test.each([
    [
      { central: '' },
      '1:1 `central` has no value: it must be a URL such as postgresql://user@host:5432/database.',
    ],
    [
      { central: '"postgresql://c{1,2}/x"' },
      '1:10 `central` names 2 databases, and there is one central database.',
    ],
    [{ central: '{ user: a }' }, '1:10 `url` is missing in `central`: add `url: !env CENTRAL_URL`.'],
    [
      { central: '{ url: postgresql://a@c/x, user: b }' },
      '1:10 `central` has a user in its URL and under `user`: keep one.',
    ],
    [
      { central: '!env' },
      "1:10 `central` says `!env` without a name: write `!env NAME` with the variable's name.",
    ],
    [
      { central: '{ url: postgresql://c/x, admin: "postgresql://a:b@c/x" }' },
      '1:42 `central.admin` must be a role, `role:password`, or `{ user, password }`, not a URL.',
    ],
    [
      { shards: 'postgresql://c/x' },
      '2:9 `shards` must be a list of URLs or maps, one for each database: `- postgresql://db{01..16}/app_{00..15}`.',
    ],
    [
      { shards: '[]' },
      '2:9 `shards` must be a list of URLs or maps, one for each database: `- postgresql://db{01..16}/app_{00..15}`.',
    ],
    [
      { shards: '[{ name: x }]' },
      '2:10 `url` is missing in `shards[0]`: add `url: postgresql://host/database`.',
    ],
    [
      { shards: '[{ url: postgresql://a/x, name: "a:b" }]' },
      "2:41 `shards[0].name` must not contain a colon, which separates the parts of an event's origin.",
    ],
    [
      { shards: '[{ url: postgresql://a/x, name: z }, { url: postgresql://b/x, name: z }]' },
      '2:77 Two shards are called `z`, first in line 2: give one of them another `name`.',
    ],
    [
      { shards: '[postgresql://c/events]' },
      '2:9 The shard `events` is the central database, so its queue `orders` would be source and central queue in one: give the central queue another name, with `from: orders`.',
    ],
    [
      { queues: '' },
      '3:1 `queues` names no queue: add one, such as `orders: { workers: 4, handler: ./handlers/orders.js }`.',
    ],
    [
      { queues: '{ a: 4 }' },
      '3:14 `queues.a` must be a map of settings, such as `orders: { workers: 4, handler: ./handlers/orders.js }`.',
    ],
    [
      { queues: '{ a: { workers: -1 } }' },
      '3:25 `queues.a.workers` must be a whole number from 0 to 1000, or `none`, not `-1`.',
    ],
    [
      { queues: '{ a: { workers: 1.5 } }' },
      '3:25 `queues.a.workers` must be a whole number from 0 to 1000, or `none`, not `1.5`.',
    ],
    [{ queues: '{ a: { create: yes } }' }, '3:24 `queues.a.create` must be `true` or `false`, not `yes`.'],
    [
      { queues: '{ a: { origin: extra5 } }' },
      '3:24 `queues.a.origin` must be `extra1`, `extra2`, `extra3`, `extra4` or `none`, not `extra5`.',
    ],
    [
      { queues: '{ a: { columns: { extra4: x } } }' },
      '3:35 `queues.a.columns.extra4` is the column of the origin: map another one, or set `origin` to a free column.',
    ],
    [
      { queues: '{ a: { from: [b, b] } }' },
      '3:26 `queues.a.from[1]` repeats the source queue `b`: keep it once.',
    ],
    [
      { queues: '{ a: { deliver_at: now()) } }' },
      '3:28 `queues.a.deliver_at` closes a bracket (`)`) that it has not opened: balance its brackets.',
    ],
    [
      { queues: '{ a: { unique: { key: x } } }' },
      '3:24 `for` is missing in `queues.a.unique`: add how long a key is unique, such as `{ key: "ev_extra1", for: 1h }`.',
    ],
    [
      { rest: 'schedules: { n: { queue: orders, cron: 0 25 * * * } }' },
      '4:40 `schedules.n.cron` is not understood (Invalid value for hour: 25): write minute, hour, day, month and weekday, such as `0 3 * * *`.',
    ],
    [
      { rest: 'schedules: { n: { queue: orders, cron: 0 0 30 2 * } }' },
      '4:40 `schedules.n.cron` is never due: no day is like that.',
    ],
    [
      { rest: 'schedules: { n: { queue: orders, cron: 0 3 * * *, zone: Europe/Helsinky } }' },
      '4:57 `schedules.n.zone` names a time zone that there is not: write one such as `Europe/Helsinki` or `UTC`.',
    ],
    [
      { queues: '{ orders: { workers: 0 } }', rest: 'schedules: { n: { queue: order, cron: 0 3 * * * } }' },
      '4:26 `schedules.n.queue` names no central queue of the file: did you mean `orders`?',
    ],
    [
      { rest: 'schedules: { n: { queue: orders } }' },
      "4:17 `cron` is missing in `schedules.n`: add when it is due, such as `cron: '0 3 * * *'`.",
    ],
    [
      { rest: 'schedules: { n: { queue: orders, cron: 0 3 * * *, data: { a: !env SECRET } } }' },
      '4:57 `schedules.n.data` takes nothing from the environment: what it says goes into events.',
    ],
    [
      { rest: 'schedules: { n n: { queue: orders, cron: 0 3 * * * } }' },
      '4:19 `schedules.n n` is no name for a schedule: use letters, digits, `_`, `-` and `.`.',
    ],
    [{ queues: '{ a: { timeout: 0 } }' }, '3:25 `queues.a.timeout` must be longer than 0.'],
    [
      { queues: '{ a: { rate: 50 } }' },
      '3:22 `queues.a.rate` must be a rate above 0 such as `50/s`, `10/m` or `100/h`, not `50`.',
    ],
    [
      { queues: '{ a: { rate: 0/s } }' },
      '3:22 `queues.a.rate` must be a rate above 0 such as `50/s`, `10/m` or `100/h`, not `0/s`.',
    ],
    [
      { queues: '{ a: { weight: 0 } }' },
      '3:24 `queues.a.weight` must be a whole number from 1 to 1000, not `0`.',
    ],
    [
      { queues: '{ a: { recycle: { memory: 1MB } } }' },
      '3:35 `queues.a.recycle.memory` must be at least 128MB: a worker takes about that much from the start.',
    ],
    [
      { queues: '{ a: { recycle: { after: 0 batches } } }' },
      '3:34 `queues.a.recycle.after` must be a number of batches such as `10000 batches`, not `0 batches`.',
    ],
    [
      { queues: '{ a: { retry: { attempts: 0 } } }' },
      '3:35 `queues.a.retry.attempts` must be a whole number of 1 or more, not `0`.',
    ],
    [
      { queues: '{ a: { retry: { first: 1h, max: 1s } } }' },
      '3:41 `queues.a.retry.max` is shorter than the first wait: make `max` the longer one.',
    ],
    [
      { rest: 'mover: { whole: 1GB }' },
      '4:17 `mover.whole` is more than `mover.memory`, in which a whole transaction must fit: lower it.',
    ],
    [
      { rest: 'mover: { whole: { bytes: 1GB } }' },
      '4:26 `mover.whole.bytes` is more than `mover.memory`, in which a whole transaction must fit: lower it.',
    ],
    [
      { rest: 'mover: { whole: { events: 10 } }' },
      '4:27 `mover.whole.events` must be a number of events such as 50000, at least 1000, not `10`.',
    ],
    [
      { rest: 'mover: { memory: 256 }' },
      '4:18 `mover.memory` needs a unit: write `256MB` for megabytes or `256kB` for kilobytes.',
    ],
    [
      { rest: 'http: { listen: a:b }' },
      '4:17 `http.listen` must be a host and a port such as 127.0.0.1:7717, not `a:b`.',
    ],
    [
      { rest: 'defaults: { tls: { ca: . } }' },
      '4:18 `defaults.tls` names the certificate file `.`, which is a folder: correct the path (relative to this file).',
    ],
    [
      { rest: 'zzzzzzzzzz: 1' },
      '4:1 Unknown key `zzzzzzzzzz` in the file: the keys there are capture, central, defaults, http, install, metrics, mover, name, queues, routes, schedules, shards, watch.',
    ],
  ])('%j', (parts, sentence) => {
    expect(mistakesIn(file(parts))).toEqual([sentence]);
  });

  test('a file that cannot be read is one sentence', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tributary-config-'));
    const at = (path: string) => loadConfig(path).problems?.map(({ sentence }) => sentence);
    expect(at(join(folder, 'no.yaml'))).toEqual([
      'The configuration does not exist: write one with `tributary init`, or name another with -c.',
    ]);
    expect(at(folder)).toEqual([
      'The configuration is a folder: write one with `tributary init`, or name another with -c.',
    ]);
    rmSync(folder, { recursive: true });
    expect(at(givenFile(new Uint8Array([0xff, 0xfe, 0x41])))).toEqual([
      'The configuration is not text in UTF-8: save it as such.',
    ]);
  });

  test.skipIf(process.getuid?.() === 0)('a file that this user may not read is one sentence', () => {
    const file = givenFile('name: x');
    chmodSync(file, 0o000);
    expect(loadConfig(file).problems?.[0]?.sentence).toMatch(
      /^The configuration may not be read by this user/,
    );
  });
});
