// The shop in a browser: a small web application of its own, as a user would have one beside Tributary. It places orders on the
// shards, and its page listens to what handlers publish.
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { extname } from 'node:path';
import type { Config, Shard } from '../../../config/config.ts';
import { sentenceFor } from '../../../errors/sentence.ts';
import { packagePath } from '../../../lifecycle/package-root.ts';
import { Connection } from '../../../postgres/connection.ts';

/** Only this machine reaches it. */
const HOST = '127.0.0.1';
const FILES = ['index.html', 'shop.css', 'shop.js'] as const;
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
};
const PLACE = `
with placed as (
  insert into customer_order (till, cents) values ('browser', 100 + floor(random() * 20000)::integer)
  returning id, cents, till
)
select id::text as order, cents,
  pgq.insert_event('orders', 'placed', json_build_object('order', id, 'cents', cents, 'till', till)::text)
from placed`;

export const shopUrl = (port: number): string => `http://${HOST}:${port}`;

export class ShopPage {
  readonly #server: Server;
  readonly #shards: readonly Shard[];
  readonly #files: ReadonlyMap<string, string>;
  readonly #headers: Readonly<Record<string, string>>;

  private constructor({ shards }: Pick<Config, 'shards'>, live: string) {
    this.#shards = shards;
    this.#files = new Map(
      FILES.map((name) => [
        name === 'index.html' ? '/' : `/${name}`,
        readFileSync(packagePath('demo', 'shop', name), 'utf8')
          .replaceAll('{{live}}', live)
          .replaceAll('{{shards}}', String(shards.length)),
      ]),
    );
    this.#headers = {
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'content-security-policy': `default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ${new URL(live).origin}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    };
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  /** @param live where streams are. @param port one that the file names as an origin. */
  static async open(
    config: Pick<Config, 'shards'>,
    { live, port }: { readonly live: string; readonly port: number },
  ): Promise<ShopPage> {
    const page = new ShopPage(config, live);
    await new Promise<void>((resolve, reject) => {
      page.#server.once('error', reject);
      page.#server.listen(port, HOST, resolve);
    });
    return page;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer({ headers, method, url = '' }: IncomingMessage, response: ServerResponse): Promise<void> {
    const file = this.#files.get(url);
    if (method === 'GET' && file !== undefined) {
      const type = TYPES[extname(url === '/' ? 'index.html' : url)] ?? '';
      response.writeHead(200, { ...this.#headers, 'content-type': type }).end(file);
      return;
    }
    // Pages of other sites cannot send the header.
    if (method === 'POST' && url === '/orders' && headers['x-shop'] === '1') {
      const [status, answer] = await this.#place().then(
        (placed) => [201, placed] as const,
        (error: unknown) => [503, { error: sentenceFor(error, 'The shard') }] as const,
      );
      return json(response, status, answer);
    }
    json(response, 404, { error: 'There is nothing here.' });
  }

  async #place(): Promise<object> {
    const shard = this.#shards[Math.floor(Math.random() * this.#shards.length)] as Shard;
    const connection = await Connection.open(shard, { applicationName: 'shop' });
    try {
      const [row] = await connection.query<{ order: string; cents: number }>(PLACE);
      return { shard: shard.name, order: Number(row?.order), cents: row?.cents };
    } finally {
      await connection.close();
    }
  }
}

const json = (response: ServerResponse, status: number, answer: object): void =>
  void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
