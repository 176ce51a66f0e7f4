// `tributary spool --http`: whether it delivers, and figures of what waits, for as long as it runs.
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { METRICS } from '../../../src/observability/metrics/catalogue.ts';
import { createProducer } from '../../../src/producer.ts';
import { givenFolder } from '../../support/files.ts';
import { givenQueue } from '../../support/installation/installation.ts';
import { givenProxy } from '../../support/network/proxy.ts';
import { startTributary } from '../../support/processes/process.ts';
import { run } from '../../support/processes/run-cli.ts';
import { givenDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';

const SERVING = /serving (http:\S+)\/livez/;

test('a spooler that is scraped says what it delivered, what waits, and why', async () => {
  const shard = await givenDatabase();
  await givenQueue(shard, 'orders');
  const folder = join(givenFolder(), 'spool');
  const [producer, another] = [0, 1].map(() => createProducer({ spool: { folder, fsync: false } }));
  for (let n = 0; n < 3; n += 1) await producer?.spool('orders', { data: n });
  await another?.spool('mails', { data: 'no queue yet' });

  const spooler = startTributary(['spool', folder, '--url', shard.url, '--http', ':0'], {
    env: { TRIBUTARY_TIMING: 'spool.lookMs=10 spool.trouble=50' },
  });
  const url = SERVING.exec(await spooler.waitForLine(SERVING))?.[1] ?? '';
  const ask = async (path: string) => {
    const response = await fetch(url + path);
    return { status: response.status, text: await response.text() };
  };
  const metric = async (name: keyof typeof METRICS) =>
    Number(new RegExp(`^${name} (\\S+)$`, 'm').exec((await ask('/metrics')).text)?.[1]);
  await until(async () => (await ask('/readyz')).text.includes('mails'), { what: 'the queue to be missed' });
  expect((await ask('/readyz')).status).toBe(503);
  expect(JSON.parse((await ask('/readyz')).text)).toMatchObject({
    ready: false,
    reasons: [{ of: 'spool', names: [folder], sentence: expect.stringContaining('mails') }],
  });
  await until(async () => (await metric('tributary_spool_delivered_events_total')) === 3, {
    what: 'the events of the other writer',
  });
  expect(await metric('tributary_spool_troubles')).toBe(1);
  const [age, bytes] = [
    await metric('tributary_spool_oldest_event_age_seconds'),
    await metric('tributary_spool_bytes'),
  ];
  expect([age > 0, bytes > 0]).toEqual([true, true]);
  expect((await ask('/livez')).status).toBe(200);

  await givenQueue(shard, 'mails');
  await until(async () => (await ask('/readyz')).status === 200, { what: 'the delivery' });
  await until(async () => (await metric('tributary_spool_oldest_event_age_seconds')) === 0, {
    what: 'nothing to wait',
  });
  expect(await metric('tributary_spool_delivered_events_total')).toBe(4);

  // What a writer waited for keeps nothing once its files are gone.
  await another?.spool('nowhere', { data: 'no such queue' });
  await until(async () => (await metric('tributary_spool_troubles')) === 1, {
    what: 'the queue to be missed',
  });
  for (const name of readdirSync(folder)) if (name.endsWith('.log')) rmSync(join(folder, name));
  await until(async () => (await ask('/readyz')).status === 200, { what: 'nothing to wait any more' });
  expect(await metric('tributary_spool_troubles')).toBe(0);

  const taken = new URL(url).port;
  const other = await run(['spool', join(givenFolder(), 'other'), '--url', shard.url, '--http', taken]);
  expect(other).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`Port ${taken} on 127.0.0.1 is taken`),
  });
  expect(other.stderr).toContain('/other was no spool until now: no producer has written to it yet.');
  const open = await run(['spool', join(givenFolder(), 'open'), '--url', shard.url, '--http', '0.0.0.0:0']);
  expect(open).toMatchObject({ code: 2, stderr: expect.stringContaining('TRIBUTARY_HTTP_TOKEN') });
});

test('a spooler that stands still is not alive, and is again once it goes on', async () => {
  const shard = await givenDatabase();
  await givenQueue(shard, 'orders');
  const { hostname, port } = new URL(shard.url);
  const proxy = await givenProxy({ host: hostname, port: Number(port) });
  const url = new URL(shard.url);
  url.port = String(proxy.port);
  const folder = join(givenFolder(), 'spool');
  const producer = createProducer({ spool: { folder, fsync: false } });
  await producer.spool('orders', { data: '1' });
  const spooler = startTributary(['spool', folder, '--url', url.href, '--http', ':0'], {
    // Waits that have an end of their own do not end in time here.
    env: {
      TRIBUTARY_TIMING: 'spool.lookMs=10 spool.trouble=50 watchdog.stillMs=2000 connections.callMs=600000',
    },
  });
  const served = SERVING.exec(await spooler.waitForLine(SERVING))?.[1] ?? '';
  const livez = async () => {
    const response = await fetch(`${served}/livez`);
    return { status: response.status, text: await response.text() };
  };
  const delivered = async () => (await shard.query('select from pgq.event_1')).length;
  await until(async () => (await delivered()) === 1, { what: 'the first event' });
  await until(async () => (await livez()).status === 200, { what: 'life', timeoutMs: 60_000 });
  proxy.blackhole();
  await producer.spool('orders', { data: '2' });
  const dead = await until(
    async () => {
      const answer = await livez();
      return answer.status === 503 && answer;
    },
    { what: 'the end of life', timeoutMs: 60_000 },
  );
  expect(dead.text).toContain('No sign of life from the spooler: see the log.');
  proxy.heal();
  await until(async () => (await delivered()) === 2, { what: 'the second event', timeoutMs: 30_000 });
  await until(async () => (await livez()).status === 200, { what: 'life', timeoutMs: 60_000 });
});
