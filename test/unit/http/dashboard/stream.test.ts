// The stream of states against real sockets: who looks, who does not read, and how it ends.
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { emptyState } from '../../../../src/http/dashboard/build-state.ts';
import type { DashboardState, Layout } from '../../../../src/http/dashboard/state.ts';
import { StateStream, type StreamOptions } from '../../../../src/http/dashboard/stream.ts';
import { until } from '../../../support/until.ts';

const layout: Layout = {
  ...{ name: 'shop', version: '1', fileHash: 'f', actions: false },
  hosts: [{ name: 'alpha', shards: ['s1'] }],
  queues: [],
};

async function given(options: Partial<StreamOptions> = {}) {
  let readings = 0;
  const stream = new StateStream({
    layout: () => layout,
    everyMs: 20,
    state: async () => {
      readings += 1;
      return { ...emptyState(layout, ''), headline: `state ${readings}` };
    },
    ...options,
  });
  const added: boolean[] = [];
  const responses: ServerResponse[] = [];
  const server = createServer((_request, response) => {
    const isAdded = stream.add(response, { 'x-own': 'yes' });
    added.push(isAdded);
    responses.push(response);
    if (!isAdded) response.writeHead(503).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    await stream.close();
    server.closeAllConnections();
    server.close();
  });
  const look = async () => {
    const asked = request({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', agent: false });
    asked.on('error', () => {});
    asked.end();
    onTestFinished(() => void asked.destroy());
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    response.setEncoding('utf8');
    response.on('error', () => {});
    return response;
  };
  /** All that a page was sent so far. */
  const page = async () => {
    const response = await look();
    let text = '';
    response.on('data', (chunk) => {
      text += chunk;
    });
    return { response, text: () => text, states: () => text.match(/"headline":"state \d+"/g) ?? [] };
  };
  return { stream, look, page, added, responses, readings: () => readings };
}

/** The numbers of the states that come; what else they are is too much to be kept. */
function numbersOf(response: IncomingMessage): number[] {
  const numbers: number[] = [];
  let rest = '';
  response.on('data', (chunk: string) => {
    const text = rest + chunk;
    let end = 0;
    for (const found of text.matchAll(/"state (\d+)"/g)) {
      numbers.push(Number(found[1]));
      end = found.index + found[0].length;
    }
    rest = text.slice(Math.max(end, text.length - 40));
  });
  return numbers;
}

describe('dashboard/stream', () => {
  test('a page gets the layout once, then states, each as one message, with the headers of all answers', async () => {
    const { page } = await given();
    const one = await page();
    await until(() => one.states().length >= 3, { what: 'three states' });
    expect(one.response.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'x-own': 'yes',
    });
    const messages = one.text().split('\n\n');
    expect(messages[0]).toBe(`retry: 1000\nevent: layout\ndata: ${JSON.stringify(layout)}`);
    expect(messages[1]).toMatch(/^event: state\ndata: \{.*\}$/);
    expect(one.text().match(/event: layout/g)).toHaveLength(1);
  });

  test('however many look, each state is read once, and while nobody looks none is', async () => {
    const { page, responses, readings } = await given();
    expect(readings()).toBe(0);
    const pages = await Promise.all(Array.from({ length: 10 }, page));
    await until(() => pages.every((one) => one.states().length >= 5), { what: 'states for all' });
    const most = Math.max(...pages.map((one) => one.states().length));
    expect(readings()).toBeLessThanOrEqual(most + 2);
    for (const { response } of pages) response.destroy();
    await until(() => responses.every(({ closed }) => closed), { what: 'the end of all looking' });
    const end = readings();
    const other = await (await given()).page();
    await until(() => other.states().length >= 10, { what: 'ten states elsewhere' });
    expect(readings()).toBeLessThanOrEqual(end + 1);
    const again = await page();
    await until(() => again.states().length >= 1, { what: 'a state for a page that comes later' });
    expect(again.text()).toContain('event: layout');
  });

  test('a page that does not read misses states, is queued nothing, and keeps no other waiting', async () => {
    const long = 'x'.repeat(2_000_000);
    let readings = 0;
    const { look, responses } = await given({
      state: async (): Promise<DashboardState> => {
        readings += 1;
        return { ...emptyState(layout, long), headline: `state ${readings}` };
      },
    });
    const lazy = await look();
    lazy.pause();
    const eager = numbersOf(await look());
    const patient = { timeoutMs: 60_000 };
    await until(() => eager.length >= 40, { what: 'states for the page that reads', ...patient });
    expect(responses[0]?.writableLength).toBeGreaterThan(0);
    expect(responses[0]?.writableLength).toBeLessThan(2 * long.length);
    const seen = numbersOf(lazy);
    lazy.resume();
    const numbers = await until(() => (seen.at(-1) ?? 0) >= 40 && seen, {
      what: 'the newest state',
      ...patient,
    });
    expect(numbers.some((number, at) => at > 0 && number > (numbers[at - 1] as number) + 5)).toBe(true);
  });

  test('beyond the limit a page is refused, until another one goes', async () => {
    const { page, look, added } = await given({ mostViewers: 2 });
    const [first] = [await page(), await page()];
    expect((await look()).statusCode).toBe(503);
    first.response.destroy();
    await until(async () => (await look()).statusCode === 200, { what: 'a free place' });
    expect(added.slice(0, 3)).toEqual([true, true, false]);
  });

  test('it ends in order, also while a reading is under way, and then takes nobody', async () => {
    let isAsked = false;
    let answer: (state: DashboardState) => void = () => {};
    const { stream, page, look } = await given({
      state: () =>
        new Promise((resolve) => {
          isAsked = true;
          answer = resolve;
        }),
    });
    const one = await page();
    const ended = once(one.response, 'end');
    await until(() => isAsked, { what: 'a reading' });
    const closed = stream.close();
    await ended;
    answer(emptyState(layout, ''));
    await closed;
    expect((await look()).statusCode).toBe(503);
    expect(one.states()).toEqual([]);
  });
});
