// A browser listens to what workers publish, while workers and the process that serves it are killed.
import { describe, expect, test } from 'vitest';
import { type EventStream, openEventStream } from '../../support/network/event-stream.ts';
import type { TestProcess } from '../../support/processes/process.ts';
import { until } from '../../support/until.ts';
import { givenTicker, givenWorkerHosts } from '../../support/workers/worker-host.ts';

const HANDLER = `export default { async event(event, { client, publish }) {
  const { n } = event.json();
  await client.query('insert into effect (n) values ($1)', [n]);
  publish('numbers', n);
  await new Promise((resolve) => setTimeout(resolve, 2));
} };`;

/** Where it serves, from its log. */
const urlOf = (host: TestProcess): Promise<string> =>
  until(() => /serving (http:\S+)\/livez/.exec(host.stderr.join('\n'))?.[1], {
    what: 'where it serves',
    timeoutMs: 60_000,
  });

describe('what workers publish', () => {
  test('exactly what was committed comes, once each, whoever is killed meanwhile', async () => {
    const hosts = await givenWorkerHosts('\n  orders: { create: true, workers: 2, handler: ./publish.mjs }', {
      'publish.mjs': HANDLER,
    });
    const { central, workersOf } = hosts;
    givenTicker(central, 'orders');
    const streams: EventStream[] = [];
    const start = async () => {
      const host = await hosts.startHost('h1', '--http', '127.0.0.1:0');
      const place = streams.at(-1)?.lastEventId ?? '';
      const headers = place === '' ? {} : { 'last-event-id': place };
      streams.push(await openEventStream(`${await urlOf(host)}/live?channel=numbers`, { headers }));
      return host;
    };
    let host = await start();
    const seen = () => streams.flatMap(({ data }) => data);
    let made = 0;
    for (const victim of ['worker', 'host', 'worker']) {
      const before = seen().length;
      await central.produce('orders', 300, { from: made + 1 });
      made += 300;
      // In the middle of it.
      await until(() => seen().length > before, { what: 'the first of them', timeoutMs: 60_000 });
      if (victim === 'worker') {
        const [pid] = await until(
          () => {
            const pids = [...workersOf(host).values()];
            return pids.length > 0 && pids;
          },
          { what: 'a worker' },
        );
        process.kill(pid as number, 'SIGKILL');
      } else {
        host.kill('SIGKILL');
        await until(() => streams.at(-1)?.isEnded === true, { what: 'the end of its streams' });
        host = await start();
      }
    }
    await until(async () => (await central.effects()).length === made, {
      what: 'all events',
      timeoutMs: 120_000,
    });
    await until(() => seen().length >= made, { what: 'all messages', timeoutMs: 60_000 });
    const effects = await central.effects();
    expect(seen()).not.toContain('reset');
    expect(seen().toSorted((a, b) => Number(a) - Number(b))).toEqual(effects);
    expect(effects).toHaveLength(made);
  });
});
