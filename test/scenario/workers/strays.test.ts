import { describe, expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import { numbers } from '../../support/workers/child-worker.ts';
import { givenTicker, givenWorkerHosts } from '../../support/workers/worker-host.ts';

const WAIT = 'const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));';

const HANDLERS = {
  'a promise that nobody waits for': `${WAIT}
const notify = async () => { await wait(20); throw new Error('nobody waits'); };
export default {
  async event(event, { client }) {
    const { n } = event.json();
    await client.query('insert into effect (n) values ($1)', [n]);
    if (n !== 4) return;
    void notify();
    await wait(200);
  },
};`,
  'a callback that throws, and no answer': `${WAIT}
export default {
  async event(event, { client }) {
    const { n } = event.json();
    await client.query('insert into effect (n) values ($1)', [n]);
    if (n !== 4) return;
    setTimeout(() => { throw null; }, 20);
    await new Promise(() => {});
  },
};`,
  'a promise among many calls without a transaction': `${WAIT}
import { appendFileSync } from 'node:fs';
const notify = async () => { await wait(20); throw new Error('nobody waits'); };
export default {
  transaction: false,
  concurrency: 10,
  async event(event) {
    const { n } = event.json();
    if (n === 4) void notify();
    await wait(100);
    appendFileSync(new URL('./noted.txt', import.meta.url), n + '\\n');
  },
};`,
};

describe('what a handler leaves uncaught', () => {
  test.each(Object.entries(HANDLERS))(
    '%s: its event fails, with all its tries, and no process dies',
    async (_name, text) => {
      const hosts = await givenWorkerHosts(
        '  orders: { create: true, workers: 1, handler: ./write.mjs, retry: { attempts: 3, first: 100ms, max: 100ms } }',
        { 'write.mjs': text },
      );
      const { central } = hosts;
      givenTicker(central, 'orders');
      await central.produce('orders', 20);
      const host = await hosts.startHost('h1');
      const dead = () => central.query('select kind, attempts, origin from tributary.dead_event');
      await until(async () => (await dead()).length > 0, { what: 'the dead event', timeoutMs: 60_000 });
      expect(await dead()).toEqual([{ kind: 'handler', attempts: 3, origin: 's:orders:4' }]);
      if (!text.includes('transaction: false'))
        await until(async () => (await central.effects()).length === 19, { what: 'all others' });
      await until(
        async () =>
          (await central.query('select 1 from pgq.subscription where sub_batch is not null')).length === 0,
        { what: 'the end of the batch' },
      );
      if (!text.includes('transaction: false'))
        expect(await central.effects()).toEqual(numbers(20).filter((n) => n !== 4));
      expect(host.stderr.filter((line) => / died /.test(line))).toEqual([]);
      expect(host.stderr.some((line) => /left an error uncaught/.test(line))).toBe(true);
    },
  );
});
