// A shop as a user writes it in strict TypeScript: what a web application produces, calls, spools and signs, and the handlers.

export const SHOP_FILES: Readonly<Record<string, string>> = {
  'src/shop/queues.ts': `
export interface Order { readonly customer: string; readonly n: number }
export interface Mail { readonly to: string }
export interface Queues {
  orders: Order;
  clicks: Mail;
  thumbs: { readonly picture: number };
}
`,
  'src/shop/app.ts': `
import pg from 'pg';
import { signChannel, type SignOptions } from 'tributary';
import { createProducer, type ProducedEvent, TributaryError } from 'tributary/producer';
import type { Order, Queues } from './queues.js';

export interface Settings {
  readonly shardUrl: string;
  readonly liveUrl: string;
  readonly key: string;
  readonly folder: string;
}

export function openShop({ shardUrl, liveUrl, key, folder }: Settings) {
  const pool = new pg.Pool({ connectionString: shardUrl, max: 2 });
  const producer = createProducer<Queues>({
    spool: { folder, fsync: false, limit: '10MB' },
    calls: { shard: 's1', on: pool, url: liveUrl, key },
  });
  const orderOf = (customer: string, n: number): ProducedEvent<Order> => ({
    type: 'placed', key: customer, data: { customer, n },
  });
  return {
    async place(customer: string): Promise<string[]> {
      const client = await pool.connect();
      try {
        await client.query('begin');
        const first: string = await producer.send(client, 'orders', orderOf(customer, 1));
        const rest: string[] = await producer.send(client, 'orders', [2, 3].map((n) => orderOf(customer, n)));
        await client.query('commit');
        return [first, ...rest];
      } finally {
        client.release();
      }
    },
    /** What a user does by mistake. */
    async placeOutside(): Promise<string> {
      const client = await pool.connect();
      try {
        return await producer.send(client, 'orders', orderOf('nobody', 1));
      } catch (error) {
        return error instanceof TributaryError ? error.message : String(error);
      } finally {
        client.release();
      }
    },
    async resize(picture: number): Promise<number | string> {
      try {
        const { width } = await producer.call<{ readonly width: number }>('thumbs', { picture }, { timeout: '120s' });
        return width;
      } catch (error) {
        if (error instanceof TributaryError) return \`\${error.code}: \${error.message}\`;
        throw error;
      }
    },
    /** Posts it, and lets somebody else wait. */
    async post(picture: number): Promise<string> {
      const client = await pool.connect();
      try {
        await client.query('begin');
        const id = await producer.send(client, 'thumbs', { data: { picture } });
        await client.query('commit');
        return \`s1:thumbs:\${id}\`;
      } finally {
        client.release();
      }
    },
    wait: (origin: string): Promise<{ readonly width: number }> => producer.result(origin, { timeout: '120s' }),
    click: (to: string): Promise<string> => producer.spool('clicks', { type: 'clicked', data: { to } }),
    tokenFor(channel: string, more: Omit<SignOptions, 'key'> = {}): string {
      return signChannel(channel, { key, ...more });
    },
    async close(): Promise<void> {
      await Promise.all([pool.end(), producer.close()]);
    },
  };
}
`,
  'src/shop/billing.ts': `
import { defineHandler, type Origin } from 'tributary';
import type { Mail, Order } from './queues.js';

const keyOf = (origin: Origin): string => String(origin);

export default defineHandler<Order>({
  async event(event, { client, progress, publish, send, signal }) {
    const { customer, n } = event.json();
    signal.throwIfAborted();
    progress(n, 3, 'invoices', { channel: \`customer:\${customer}\` });
    await client.query('insert into invoice (origin, customer, n) values ($1, $2, $3)', [keyOf(event.origin), customer, n]);
    publish(\`customer:\${customer}\`, { n }, { type: 'invoiced' });
    const mail: Mail = { to: customer };
    if (n === 1) send('mails', { type: 'soon', data: mail }, { after: '1s' });
    if (n === 2) send('mails', { type: 'never', data: mail }, { at: new Date(Date.now() + 3_600_000) });
    if (n === 3) send('mails', [{ type: 'now', data: mail }]);
  },
});
`,
  'src/shop/search.ts': `
import { defineHandler, type ProcessContext } from 'tributary';
import type { Order } from './queues.js';

let group: string | undefined;

export default defineHandler<Order>({
  setup(context: ProcessContext) {
    group = context.group;
  },
  async batch(events, { client }) {
    await client.query('insert into found (customer, "group") select unnest($1::text[]), $2', [
      events.map((event) => event.json().customer),
      group,
    ]);
  },
});
`,
  'src/shop/mails.ts': `
import { defineHandler } from 'tributary';

export default defineHandler({
  async event(event, { client }) {
    await client.query('insert into mail (type, time, origin) values ($1, $2, $3)', [event.type, event.time, String(event.origin)]);
  },
});
`,
  'src/shop/thumbs.ts': `
import { defineHandler } from 'tributary';
import type { Queues } from './queues.js';

export default defineHandler<Queues['thumbs']>({
  transaction: false,
  concurrency: 2,
  event(event) {
    const { picture } = event.json();
    if (picture === 0) return 10n;
    if (picture < 0) throw new Error('There is no such picture.');
    return { width: picture * 2 };
  },
});
`,
};

/** What stands in their shards.yaml behind the databases. */
export const SHOP_QUEUES = `  orders:
    create: true
    key: ev_extra1
    lanes: 4
    groups:
      billing: { workers: 2, handler: ./dist/src/shop/billing.js }
      search: { workers: 1, handler: ./dist/src/shop/search.js }
  mails: { from: clicks, create: true, workers: 1, handler: ./dist/src/shop/mails.js }
  thumbs:
    create: true
    workers: 1
    handler: ./dist/src/shop/thumbs.js
    results: true
    retry: { attempts: 1 }
schedules:
  ticking: { cron: '* * * * * *', queue: mails }
http: { listen: '127.0.0.1:0', live: { key: a key of some length } }`;
