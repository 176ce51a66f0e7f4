// A shards.yaml without mistakes, and what becomes of it.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { givenConfig, givenFile } from '../../support/installation/config-file.ts';

const SMALL = `
central: postgresql://central/events
shards: [postgresql://db1/app]
queues: { orders: }
`;

const PEM = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';

describe('config/load', () => {
  test('the smallest file has a default for everything else', () => {
    const config = givenConfig(SMALL);
    expect(config).toMatchObject({
      name: 'tributary',
      central: {
        host: 'central',
        port: 5432,
        database: 'events',
        user: 'ann',
        tls: { mode: 'off' },
        displayUrl: 'postgresql://ann@central:5432/events',
        ticker: 'auto',
      },
      shards: [{ name: 'app', host: 'db1', moverHost: 'db1', schema: 'pgq' }],
      mover: {
        memoryBytes: 256 * 2 ** 20,
        wholeBytes: 64 * 2 ** 20,
        wholeEvents: 50_000,
        adoptAfterMs: 30_000,
        delayMs: 50,
      },
    });
    expect(config.http).toBeUndefined();
    expect(config.queues).toEqual([
      {
        name: 'orders',
        workers: 0,
        from: ['orders'],
        columns: {},
        create: false,
        origin: 'extra4',
        onPoison: 'dead',
        keepMs: 0,
        timeoutMs: 300_000,
        retry: { attempts: 20, firstMs: 5_000, maxMs: 3_600_000 },
        recycle: {},
      },
    ]);
  });

  test('the example of the design: 256 shards in one line, one named, secrets from the environment', () => {
    const file = givenFile(
      `
name: shop
central: !env CENTRAL_URL
shards:
  - url: postgresql://db{01..16}/app_{00..15}
  - { name: legacy, host: db03, url: 'postgresql://10.0.0.9:6432/old' }
defaults: { user: tributary, password: !env PGPASSWORD, tls: { ca: ./ca.pem } }
queues:
  orders: { workers: 4, handler: ./handlers/orders.js }
  emails: { workers: 1, handler: ./handlers/emails.js, from: [email_out, email_bulk], where: "ev_type <> 'test'", start: oldest }
mover:  { memory: 256MB, whole: 64MB, adopt_after: 30s }
http:   { listen: 127.0.0.1:7717, token: !env TRIBUTARY_TOKEN }
`,
      { others: { 'ca.pem': PEM } },
    );
    const { config, problems, warnings } = loadConfig(file, {
      env: { CENTRAL_URL: 'postgresql://boss@c/events', PGPASSWORD: 's3cret', TRIBUTARY_TOKEN: 'tok' },
    });
    expect(problems).toBeUndefined();
    expect(config?.shards).toHaveLength(257);
    expect(config?.shards[0]).toMatchObject({
      name: 'db01/app_00',
      host: 'db01',
      user: 'tributary',
      password: 's3cret',
      tls: { mode: 'verify', ca: PEM },
    });
    expect(config?.shards[256]).toMatchObject({
      name: 'legacy',
      host: '10.0.0.9',
      moverHost: 'db03',
      port: 6432,
    });
    expect(config?.central).toMatchObject({ user: 'boss', password: 's3cret', tls: { mode: 'verify' } });
    expect(config?.queues[1]).toMatchObject({
      from: ['email_out', 'email_bulk'],
      where: "ev_type <> 'test'",
      start: { at: 'oldest' },
      handler: join(dirname(file), 'handlers/emails.js'),
    });
    expect(config?.http).toEqual({ host: '127.0.0.1', port: 7717, token: 'tok', actions: false });
    expect(JSON.stringify(config?.shards.map(({ displayUrl }) => displayUrl))).not.toContain('s3cret');
    expect(warnings.map(({ line, column }) => `${line}:${column}`)).toEqual(['9:34', '10:34']);
    expect(
      warnings.filter(({ sentence }) => sentence.includes('names a file that does not exist')),
    ).toHaveLength(2);
  });

  test('the hash is that of the bytes, the file is absolute, and nothing can be changed', () => {
    const file = givenFile(SMALL);
    const { config } = loadConfig('shards.yaml', { env: { PGUSER: 'ann' }, cwd: dirname(file) });
    expect(config?.hash).toBe(createHash('sha256').update(readFileSync(file)).digest('hex'));
    expect(config?.file).toBe(file);
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config?.queues[0]?.retry)).toBe(true);
    expect(Object.isFrozen(config?.shards[0]?.tls)).toBe(true);
  });

  test('every setting of a queue arrives', () => {
    const { queues } = givenConfig(`
central: postgresql://c/events
shards: [postgresql://db1/app]
mover: { keep: 10s }
queues:
  a: { workers: none, start: at-consumer old mover, create: true, origin: extra3, on_poison: halt, adopt: legacy }
  b: { workers: 2, handler: /h.js, keep: 1h30m, timeout: 500ms, rate: 30/m, weight: 7, retry: { attempts: 2, first: 2s, max: 1d } }
  c: { recycle: { after: 10000 batches, memory: 512MB, age: 1h }, columns: { type: "upper(ev_type)", extra1: "1" }, from: 7 }
`);
    expect(queues[0]).toMatchObject({
      workers: 'none',
      start: { at: 'consumer', name: 'old mover' },
      create: true,
      origin: 'extra3',
      onPoison: 'halt',
      adopt: 'legacy',
      keepMs: 10_000,
    });
    expect(queues[1]).toMatchObject({
      workers: 2,
      handler: '/h.js',
      keepMs: 5_400_000,
      timeoutMs: 500,
      ratePerSecond: 0.5,
      weight: 7,
      retry: { attempts: 2, firstMs: 2_000, maxMs: 86_400_000 },
    });
    expect(queues[2]).toMatchObject({
      columns: { type: 'upper(ev_type)', extra1: '1' },
      from: ['7'],
      recycle: { afterBatches: 10_000, memoryBytes: 512 * 2 ** 20, ageMs: 3_600_000 },
    });
  });

  test('a handler without a number of workers gets one worker', () => {
    const text = SMALL.replace('orders:', 'orders: { handler: ./x.js }');
    expect(givenConfig(text).queues[0]?.workers).toBe(1);
  });

  test('names and hosts made of digits stay as they are written in the file', () => {
    const { shards, name } = givenConfig(`
name: 0815
central: postgresql://c/events
shards: [{ url: postgresql://db1/app, name: 007, host: 1.10 }]
queues: { 2024: }
`);
    expect(name).toBe('0815');
    expect(shards[0]).toMatchObject({ name: '007', moverHost: '1.10' });
  });

  test('anchors and aliases work', () => {
    const { queues } = givenConfig(`
central: postgresql://c/events
shards: [postgresql://db1/app]
queues: { a: &common { workers: none }, b: *common }
`);
    expect(queues.map(({ workers }) => workers)).toEqual(['none', 'none']);
  });

  test('the entry wins over the defaults, and the URL over them too', () => {
    const { shards, central } = givenConfig(
      `
central: { url: postgresql://boss:pw@c/events, admin: root:toor, ticker: never }
shards:
  - postgresql://u@db1:6000/a
  - { url: postgresql://db1/b, user: v, tls: verify, admin: { user: dba }, ticker: auto, schema: pgq }
  - postgresql://db1/c?sslmode=disable
defaults: { user: d, password: dp, tls: require, admin: !env ADMIN, ticker: always, schema: pgque, port: 6432 }
queues: { orders: }
`,
      { ADMIN: 'dba:secret' },
    );
    expect(central).toMatchObject({
      user: 'boss',
      password: 'pw',
      port: 6432,
      admin: { user: 'root', password: 'toor' },
    });
    expect(central.ticker).toBe('never');
    expect(shards[0]).toMatchObject({
      user: 'u',
      password: 'dp',
      port: 6000,
      tls: { mode: 'require' },
      schema: 'pgque',
    });
    expect(shards[0]?.admin).toEqual({ user: 'dba', password: 'secret' });
    expect(shards[1]).toMatchObject({
      user: 'v',
      tls: { mode: 'verify' },
      admin: { user: 'dba' },
      ticker: 'auto',
      schema: 'pgq',
    });
    expect(shards[1]?.admin).toEqual({ user: 'dba' });
    expect(shards[2]).toMatchObject({ user: 'd', tls: { mode: 'off' } });
  });

  test('a plain password is a warning only where others can read the file', () => {
    const text = SMALL.replace('postgresql://central/', 'postgresql://u:s3cret@central/');
    const read = (mode: number) => loadConfig(givenFile(text, { mode }), { env: {} }).warnings;
    expect(read(0o600)).toEqual([]);
    const [warning] = read(0o644);
    expect(warning?.sentence).toBe(
      '`central` holds a secret in a file that others can read: write `!env NAME` and set the variable, or `chmod 600` the file.',
    );
    expect(`${warning?.line}:${warning?.column}`).toBe('2:10');
  });
});

describe('config/sections/shards', () => {
  const namesOf = (...urls: string[]) =>
    givenConfig(`
central: postgresql://c/events
shards:
${urls.map((url) => `  - ${url}\n`).join('')}
queues: { orders: }
`).shards.map(({ name }) => name);

  test('a shard is called after its database, with as much of its address as it needs to be alone', () => {
    expect(namesOf('postgresql://h/a', 'postgresql://h/b')).toEqual(['a', 'b']);
    expect(namesOf('postgresql://h/a', 'postgresql://i/a', 'postgresql://i/b')).toEqual(['h/a', 'i/a', 'b']);
    expect(namesOf('postgresql://h:{1..2}/a')).toEqual(['h/1/a', 'h/2/a']);
    expect(namesOf('{ name: a, url: postgresql://h/x }', 'postgresql://h/a')).toEqual(['a', 'h/a']);
  });
});
