// The tests' own network: what each fault looks like to a client.
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { givenProxy } from '../../support/network/proxy.ts';
import { until } from '../../support/until.ts';

describe('support/proxy', () => {
  const echo = createServer((socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  let target: { host: string; port: number };
  beforeAll(async () => {
    echo.listen({ host: '127.0.0.1', port: 0 });
    await once(echo, 'listening');
    const address = echo.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    target = { host: '127.0.0.1', port: address.port };
  });
  afterAll(() => void echo.close());

  test('bytes and ends of connections pass both ways', async () => {
    const client = await dial(await givenProxy(target));
    client.socket.end('hello');
    await client.closed;
    expect(client.text()).toBe('hello');
  });

  test('drop cuts open connections and refuses new ones until heal', async () => {
    const proxy = await givenProxy(target);
    const before = await dial(proxy);
    proxy.drop();
    await before.closed;
    const during = await dial(proxy);
    await during.closed;
    proxy.heal();
    await answers(await dial(proxy));
  });

  test('a black hole takes everything, answers nothing and closes nothing until heal', async () => {
    const proxy = await givenProxy(target);
    const before = await dial(proxy);
    await answers(before);
    const { fromClient } = proxy.passed;
    proxy.blackhole();
    const during = await dial(proxy);
    before.socket.write('lost');
    during.socket.write('lost');
    await until(() => before.socket.bytesWritten === 9 && proxy.open === 2, {
      what: 'both in the black hole',
    });
    expect([before.isClosed(), during.isClosed(), proxy.passed.fromClient]).toEqual([
      false,
      false,
      fromClient,
    ]);
    proxy.heal();
    await Promise.all([before.closed, during.closed]);
    expect([before.text(), during.text()]).toEqual(['hello', '']);
    await answers(await dial(proxy));
  });

  test('a stream is cut in its middle, once, after the bytes that were asked for', async () => {
    const proxy = await givenProxy(target);
    proxy.cutAfter(70_000);
    const client = await dial(proxy);
    client.socket.write('x'.repeat(200_000));
    await client.closed;
    expect(client.text().length).toBe(70_000);
    await answers(await dial(proxy));
  });

  test('delayed bytes arrive late and in order', async () => {
    const proxy = await givenProxy(target);
    proxy.delay(60);
    const client = await dial(proxy);
    const began = performance.now();
    client.socket.write('1');
    await until(() => client.text() === '1', { what: 'the first answer', everyMs: 1 });
    expect(performance.now() - began).toBeGreaterThanOrEqual(115);
    client.socket.write('2');
    proxy.delay(0);
    client.socket.write('3');
    await until(() => client.text() === '123', { what: 'all answers in order' });
  });
});

interface Client {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  isClosed(): boolean;
  text(): string;
}

async function dial({ host, port }: { host: string; port: number }): Promise<Client> {
  const socket = connect({ host, port });
  const chunks: Buffer[] = [];
  let isClosed = false;
  socket.on('error', () => {});
  socket.on('data', (chunk) => chunks.push(chunk));
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => {
      isClosed = true;
      resolve();
    });
  });
  await Promise.race([once(socket, 'connect'), closed]);
  return { socket, closed, isClosed: () => isClosed, text: () => Buffer.concat(chunks).toString() };
}

async function answers(client: Client): Promise<void> {
  client.socket.write('hello');
  await until(() => client.text().endsWith('hello'), { what: 'an echo' });
}
