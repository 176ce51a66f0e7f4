// The server against real sockets: the token, the paths, and clients that are slow, large, many or rude.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { HttpServer, type ServerOptions } from '../../../src/http/server/server.ts';
import { until } from '../../support/until.ts';

const TOKEN = 'correct horse battery staple';
/** As clients are given, but a hundredth of it. */
const SHORT = { headersMs: 300, requestMs: 600, stuckMs: 300, idleMs: 60_000, lookEveryMs: 50 };
const LARGE = 'x'.repeat(40_000_000);

async function given(options: Partial<ServerOptions> = {}) {
  const server = new HttpServer({
    address: { host: '127.0.0.1', port: 0 },
    pages: {
      '/page': () => ({ status: 200, type: 'text/plain', body: 'here it is' }),
      '/large': () => ({ status: 200, type: 'text/plain', body: LARGE }),
      '/broken': () => {
        throw new Error('the password is hunter2');
      },
    },
    ...options,
  });
  await server.listen();
  onTestFinished(() => server.close());
  const ask = async (path: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`${new URL(server.url).origin}${path}`, { headers });
    return { status: response.status, headers: response.headers, body: await response.text() };
  };
  const socket = async (): Promise<Socket> => {
    const opened = connect({ host: '127.0.0.1', port: Number(new URL(server.url).port) });
    opened.on('error', () => {});
    onTestFinished(() => void opened.destroy());
    await once(opened, 'connect');
    return opened;
  };
  return { server, ask, socket };
}

/** All that the server says until it closes the connection. */
async function untilClosed(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  await once(socket, 'close');
  return text;
}

describe('http/server', () => {
  test('a page is served with its type, is not kept by anybody, and the port is the true one', async () => {
    const { ask, server } = await given();
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d+$/);
    const { status, headers, body } = await ask('/page');
    expect([status, body, headers.get('content-type'), headers.get('cache-control')]).toEqual([
      200,
      'here it is',
      'text/plain',
      'no-store',
    ]);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  });

  test('with a base every path begins with it, and no other is there', async () => {
    const { ask, server } = await given({ base: '/shop/tributary' });
    expect(server.url).toMatch(/\/shop\/tributary$/);
    expect((await ask('/shop/tributary/page')).body).toBe('here it is');
    const { status, body } = await ask('/page');
    expect(status).toBe(404);
    expect(JSON.parse(body)).toEqual({
      error:
        'There is nothing here: ask for /shop/tributary/page, /shop/tributary/large, /shop/tributary/broken with GET.',
    });
  });

  test('where streams may be set apart many may come at once, and none of them is turned away', async () => {
    const { socket } = await given({ streams: 300 });
    const all = await Promise.all(Array.from({ length: 250 }, () => socket()));
    const answers = all.map((one) => untilClosed(one));
    for (const one of all) one.write('GET /page HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    const texts = await Promise.all(answers);
    expect(texts.filter((text) => !text.startsWith('HTTP/1.1 200 OK'))).toEqual([]);
  });

  test('without the token nobody learns anything, also not which paths there are', async () => {
    const { ask } = await given({ token: TOKEN, wrongTokensMs: 0 });
    const wrong: Record<string, string>[] = [
      {},
      { authorization: `Bearer ${TOKEN}x` },
      { authorization: `Bearer ${TOKEN.slice(1)}` },
      { authorization: 'Bearer ' },
      { authorization: TOKEN },
      { authorization: `Basic ${Buffer.from(`x:${TOKEN}`).toString('base64')}` },
      { cookie: `token=${TOKEN}` },
    ];
    for (const path of [
      '/page',
      '/nowhere',
      `/page?token=${encodeURIComponent(TOKEN)}`,
      '/../page',
      '/%2e%2e/page',
    ]) {
      for (const headers of wrong) {
        // Of each address ten wrong tokens are compared, in a while that is over at once here.
        const answer = await ask(path, headers);
        expect([path, headers, answer.status]).toEqual([path, headers, 401]);
        expect(answer.body).not.toContain('here');
        expect(answer.headers.get('www-authenticate')).toBe('Bearer');
      }
    }
    expect((await ask('/page', { authorization: `Bearer ${TOKEN}` })).status).toBe(200);
    expect((await ask('/page', { authorization: `bearer  ${TOKEN} ` })).status).toBe(200);
  });

  test('an address that guesses has its tokens compared no more for a while, but over a connection that had the right one', async () => {
    const { socket } = await given({ token: TOKEN, wrongTokensMs: 1_500 });
    const over = async (connection: Socket, token: string) => {
      const answered = once(connection, 'data');
      connection.write(`GET /page HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`);
      const [text] = await answered;
      return String(text);
    };
    const scraper = await socket();
    expect(await over(scraper, TOKEN)).toMatch(/^HTTP\/1\.1 200 /);
    const guesser = await socket();
    const statuses = [];
    for (let n = 0; n < 12; n += 1) statuses.push((await over(guesser, `guess ${n}`)).slice(9, 12));
    expect(statuses).toEqual([...Array.from({ length: 10 }, () => '401'), '429', '429']);
    // Whether a guess is right is not to be learnt now.
    const answer = await over(await socket(), TOKEN);
    expect(answer).toMatch(/^HTTP\/1\.1 429 /);
    expect(answer).toMatch(/^retry-after: 2\r$/im);
    expect(await over(scraper, TOKEN)).toMatch(/^HTTP\/1\.1 200 /);
    await until(async () => (await over(guesser, TOKEN)).startsWith('HTTP/1.1 200 '), {
      what: 'the guesses to be forgotten',
    });
  });

  test('an error of ours is not shown', async () => {
    const { ask } = await given();
    const { status, body } = await ask('/broken');
    expect(status).toBe(500);
    expect(JSON.parse(body)).toEqual({ error: 'This page could not be made: see the log.' });
  });

  test('only GET and HEAD do anything', async () => {
    const { server } = await given();
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'])
      expect((await fetch(`${server.url}/page`, { method })).status).toBe(404);
    expect((await fetch(`${server.url}/page`, { method: 'HEAD' })).status).toBe(200);
  });

  test('what is sent to us is refused before it is read whole', async () => {
    const { socket } = await given();
    const client = await socket();
    client.write(
      'POST /page HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50000000\r\n\r\n',
    );
    const answer = untilClosed(client);
    client.write('x'.repeat(100_000));
    expect(await answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(client.bytesWritten).toBeLessThan(2_000_000);
  });

  test('headers beyond the limit are refused', async () => {
    const { socket } = await given();
    const client = await socket();
    client.write(`GET /page HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`);
    expect(await untilClosed(client)).toMatch(/^HTTP\/1\.1 431 /);
  });

  test('what cannot be read is answered by one sentence as well: an address that is too long, one that means nothing, no HTTP', async () => {
    const { socket } = await given({ token: TOKEN });
    for (const [request, status, sentence] of [
      [`GET /live?channel=${'x'.repeat(9_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431, 'longer than 8,192 bytes'],
      ['GET /%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 400, 'as %XX.'],
      ['HELLO\r\n\r\n', 400, 'no request of HTTP/1.1'],
    ] as const) {
      const client = await socket();
      client.write(request);
      const answer = await untilClosed(client);
      expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
      expect(answer).toMatch(/\r\ncache-control: no-store\r\n/i);
      const body = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as object;
      expect(body).toEqual({ error: expect.stringContaining(sentence) });
    }
  });

  test('a client that never comes to the end of its headers is cut off', async () => {
    const { socket } = await given({ limits: SHORT });
    const client = await socket();
    client.write('GET /page HTTP/1.1\r\nHost: x\r\n');
    const drip = setInterval(() => client.write('X-Drip: 1\r\n'), 20);
    onTestFinished(() => clearInterval(drip));
    expect(await untilClosed(client)).toMatch(/^HTTP\/1\.1 408 /);
  });

  test('a client that does not read its answer is cut off', async () => {
    const served: Socket[] = [];
    const seen = (message: unknown) => void served.push((message as { socket: Socket }).socket);
    subscribe('net.server.socket', seen);
    onTestFinished(() => void unsubscribe('net.server.socket', seen));
    const { socket } = await given({ limits: SHORT });
    const client = await socket();
    client.pause();
    client.write('GET /large HTTP/1.1\r\nHost: x\r\n\r\n');
    const own = await until(() => served[0], { what: 'the connection of the server' });
    await once(own, 'close');
    let read = 0;
    client.on('data', (chunk) => {
      read += chunk.length;
    });
    client.resume();
    await once(client, 'close');
    expect(read).toBeGreaterThan(0);
    expect(read).toBeLessThan(LARGE.length);
  });

  test('a thousand idle connections keep nobody out, and most of them are closed', async () => {
    const { ask, socket } = await given();
    const idle: Socket[] = [];
    let closed = 0;
    for (let n = 0; n < 1_000; n += 1) {
      const one = await socket();
      one.on('close', () => {
        closed += 1;
      });
      idle.push(one);
    }
    expect((await ask('/page')).status).toBe(200);
    await until(() => closed >= 800, { what: 'idle connections that are closed' });
    const late = await socket();
    late.write('GET /page HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    expect(await untilClosed(late)).toContain('here it is');
  });

  test('what is no HTTP is answered as such, and the server goes on', async () => {
    const { ask, socket } = await given();
    const client = await socket();
    client.write('\x16\x03\x01\x02\x00 hello\r\n\r\n');
    expect(await untilClosed(client)).toMatch(/^HTTP\/1\.1 400 /);
    expect((await ask('/page')).status).toBe(200);
  });

  test('an address that is taken is an error of listening', async () => {
    const { server } = await given();
    const other = new HttpServer({
      address: { host: '127.0.0.1', port: Number(new URL(server.url).port) },
      pages: {},
    });
    await expect(other.listen()).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await other.close();
  });
});
