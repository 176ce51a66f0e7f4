// Streams over real sockets, of a real central: what is committed comes, in order, once, wherever a browser comes again.
import { connect } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { signChannel } from '../../../src/channels/signed.ts';
import type { Config, LiveSettings } from '../../../src/config/config.ts';
import { addLive, LIVE_PATH } from '../../../src/http/live/routes.ts';
import { LiveStreams, type LiveStreamsOptions } from '../../../src/http/live/streams.ts';
import { HttpServer } from '../../../src/http/server/server.ts';
import { openEventStream, untilEvents } from '../../support/network/event-stream.ts';
import { markedBlocks } from '../../support/pages/blocks.ts';
import { givenCentral } from '../../support/server/central-schema.ts';
import type { TestDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';

interface Given extends Partial<Omit<LiveStreamsOptions, 'central'>> {
  readonly token?: string;
  readonly live?: LiveSettings;
}

/** A process that serves. */
async function givenProcess(central: TestDatabase, { token, live, ...options }: Given = {}) {
  const streams = new LiveStreams({
    ...{ central: central.database, applicationName: 'live', most: 100 },
    ...options,
  });
  const http = { host: '127.0.0.1', port: 0, actions: false, ...(token && { token }), ...(live && { live }) };
  const server = new HttpServer({
    ...{ address: { host: '127.0.0.1', port: 0 }, token, pages: {}, ownChecks: [LIVE_PATH] },
    more: (app, tools) => addLive(app, { ...tools, streams, config: { http } as Pick<Config, 'http'> }),
  });
  await server.listen();
  const close = async () => {
    await Promise.all([streams.close(), server.close()]);
  };
  onTestFinished(close);
  return {
    streams,
    server,
    close,
    listen: (query: string, rest?: Parameters<typeof openEventStream>[1]) =>
      openEventStream(`${server.url}${LIVE_PATH}?${query}`, rest),
  };
}

const givenPublisher =
  (central: TestDatabase) =>
  async (channel: string, ...data: readonly unknown[]) => {
    await central.query("select tributary.publish($1, $2, $3), pg_notify('tributary_published', '')", [
      data.map(() => channel),
      data.map(() => null),
      data.map((one) => JSON.stringify(one)),
    ]);
  };
const upTo = (n: number, from = 1) => Array.from({ length: n - from + 1 }, (_, at) => from + at);

describe('http/live', () => {
  test('a stream gets what is committed on its channels, in order, and nothing else', async () => {
    const central = await givenCentral();
    const publish = givenPublisher(central);
    const { listen, streams } = await givenProcess(central);
    await publish('a', 'before');
    const [one, both] = [await listen('channel=a'), await listen('channel=a&channel=b%3A1')];
    expect([one.status, one.headers['content-type'], one.headers['cache-control']]).toEqual([
      200,
      'text/event-stream; charset=utf-8',
      'no-store',
    ]);
    const open = await central.connect();
    await open.script('begin');
    await open.query(`select tributary.publish('{a,b:1}', '{done,null}', '{"\\"late\\"", "\\"late\\""}')`);
    await publish('a', 1, 2);
    await publish('c', 'not for us');
    expect(await untilEvents(both, 2)).toEqual([1, 2]);
    await open.script('commit; notify tributary_published');
    await publish('b:1', 3);
    expect(await untilEvents(both, 5)).toEqual([1, 2, 'late', 'late', 3]);
    expect(await untilEvents(one, 3)).toEqual([1, 2, 'late']);
    expect(both.events.map(({ event, data: { channel } }) => `${event} ${channel}`)).toEqual([
      ...['message a', 'message a', 'done a', 'message b:1', 'message b:1'],
    ]);
    expect(streams.figures).toMatchObject({ open: 2, sent: 8, resets: 0 });
    // As our page shows it, without a notification.
    const [block] = markedBlocks('docs/live.md').filter(({ mark }) => mark === 'central');
    const paid = await listen('channel=order%3A42');
    await central.query(block?.text.replace(/;\s*$/, '') ?? '');
    expect(await untilEvents(paid, 1)).toEqual([{ cents: 4200 }]);
    expect(paid.events[0]?.event).toBe('paid');
  });

  test('a browser that comes again misses nothing and gets nothing twice, also at another process', async () => {
    const central = await givenCentral();
    const publish = givenPublisher(central);
    const [here, there] = [await givenProcess(central), await givenProcess(central)];
    const first = await here.listen('channel=a');
    await publish('a', ...upTo(3));
    await untilEvents(first, 3);
    // In the middle of a transaction's messages.
    const middle = first.events[1]?.id ?? '';
    const again = await there.listen('channel=a', { headers: { 'last-event-id': middle } });
    expect(await untilEvents(again, 1)).toEqual([3]);
    first.close();
    await publish('a', 4);
    await here.close();
    // A new process knows nothing of the one before.
    const next = await givenProcess(central);
    const third = await next.listen(`channel=a&last_event_id=${middle}`);
    expect(await untilEvents(third, 2)).toEqual([3, 4]);
    expect(await untilEvents(again, 2)).toEqual([3, 4]);
    // A quiet channel is not from long ago: its place moves with what others are sent.
    const quiet = await next.listen('channel=quiet');
    await until(() => quiet.lastEventId !== '', { what: 'its place' });
    await publish('a', 5);
    await untilEvents(third, 3);
    const back = await next.listen('channel=quiet', { headers: { 'last-event-id': quiet.lastEventId } });
    await publish('quiet', 'now');
    expect(await untilEvents(back, 1)).toEqual(['now']);
    expect(back.data).toEqual(['now']);
  });

  test('a place that is gone or was never ours is answered with `reset`, and the stream goes on', async () => {
    const central = await givenCentral();
    const publish = givenPublisher(central);
    // Room for some messages only.
    const { listen, streams } = await givenProcess(central, { bytes: 2_000 });
    const first = await listen('channel=a');
    await publish('a', 1);
    await untilEvents(first, 1);
    const place = first.lastEventId;
    await publish('a', ...upTo(30, 2));
    await untilEvents(first, 2);
    for (const id of [place, 'nonsense', '999999.abc']) {
      const stream = await listen('channel=a', { headers: { 'last-event-id': id } });
      await until(() => stream.data.includes('reset'), { what: `an answer to ${id}` });
      expect(stream.data).toEqual(['reset']);
      await publish('a', 'after');
      await until(() => stream.data.includes('after'), { what: 'what came then' });
    }
    expect(streams.figures.resets).toBeGreaterThanOrEqual(3);
  });

  test('one that reads slowly holds up nobody and goes on where it was; one that reads nothing is ended', async () => {
    const central = await givenCentral();
    const publish = givenPublisher(central);
    const { listen, streams } = await givenProcess(central);
    const [fast, slow] = [await listen('channel=a'), await listen('channel=a', { isReading: false })];
    // More than what all sockets and buffers between take.
    const [large, most] = ['x'.repeat(60_000), 500];
    for (let n = 1; n <= most; n += 20)
      await publish('a', ...upTo(n + 19, n).map((one) => ({ n: one, large })));
    const numbers = ({ data }: typeof fast) => data.map((one) => (one as { n: number }).n);
    await untilEvents(fast, most);
    // Nothing was queued for the other one.
    expect(streams.figures.sent).toBeLessThan(2 * most - 20);
    slow.read();
    await untilEvents(slow, most);
    expect(numbers(slow)).toEqual(upTo(most));
    expect(numbers(fast)).toEqual(upTo(most));

    const hasty = await givenProcess(central, { heartbeatMs: 300, slowMs: 200 });
    const [reading, stuck] = [
      await hasty.listen('channel=a'),
      await hasty.listen('channel=a', { isReading: false }),
    ];
    for (let n = 1; n <= most; n += 20)
      await publish('a', ...upTo(n + 19, n).map((one) => ({ n: one, large })));
    await until(() => hasty.streams.figures.ended.slow > 0, { what: 'the end of the stuck one' });
    await untilEvents(reading, most);
    expect(numbers(reading)).toEqual(upTo(most));
    expect(hasty.streams.figures.open).toBe(1);
    stuck.read();
    await until(() => stuck.isEnded, { what: 'the end at the browser' });
  });

  test('when central is away streams stay, and go on when it is back', async () => {
    const central = await givenCentral();
    const publish = givenPublisher(central);
    const { listen } = await givenProcess(central);
    const stream = await listen('channel=a');
    await publish('a', 1);
    await untilEvents(stream, 1);
    await central.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'live' and datname = current_database()",
    );
    await publish('a', 2);
    expect(await untilEvents(stream, 2)).toEqual([1, 2]);
    await central.query("update tributary.published_tick set at = at + interval '1 second'");
    // It is another central, or an older one: whoever listens is told.
    await publish('a', 3);
    await until(() => stream.data.includes('reset'), { what: 'a word about it' });
    await publish('a', 4);
    await until(() => stream.data.includes(4), { what: 'what comes then' });
    expect(stream.data.filter((one) => one === 1 || one === 2)).toEqual([1, 2]);
  });

  test('only those who may listen, and only so many; a token that is over ends its stream', async () => {
    const central = await givenCentral();
    const key = 'a key of some length';
    const live = { key, origins: ['https://shop.example.com'], streams: 2 };
    const { listen, streams, server } = await givenProcess(central, { token: 'open sesame', live, most: 2 });
    expect((await listen('channel=a')).status).toBe(401);
    expect((await listen(`channel=b&token=${signChannel('a', { key })}`)).status).toBe(403);
    expect((await listen('channel=a', { headers: { authorization: 'Bearer nonsense' } })).status).toBe(403);
    const token = signChannel('a', { key, for: '3s' });
    const origin = { origin: 'https://shop.example.com' };
    const browser = await listen(`channel=a&token=${token}`, { headers: origin });
    expect([browser.status, browser.headers['access-control-allow-origin'], browser.headers.vary]).toEqual([
      ...[200, 'https://shop.example.com', 'Origin'],
    ]);
    expect(
      (await listen(`channel=a&token=${token}`, { headers: { origin: 'https://evil.org' } })).status,
    ).toBe(403);
    const preflight = await fetch(`${server.url}/live`, { method: 'OPTIONS', headers: origin });
    expect([preflight.status, preflight.headers.get('access-control-allow-methods')]).toEqual([204, 'GET']);
    const operator = await listen('channel=a', { headers: { authorization: 'Bearer open sesame' } });
    expect(operator.status).toBe(200);
    expect((await listen('channel=a', { headers: { authorization: 'Bearer open sesame' } })).status).toBe(
      503,
    );
    await until(() => browser.isEnded, { what: 'the end of the token', timeoutMs: 30_000 });
    expect(browser.text).toContain(': The token of this stream is over');
    expect((await listen(`channel=a&token=${token}`)).status).toBe(403);
    expect(streams.figures).toMatchObject({ open: 1, refused: 1, ended: { expired: 1, slow: 0 } });
  });

  test('streams leave the other connections of the server their places', async () => {
    const central = await givenCentral();
    const { listen, server, streams } = await givenProcess(central, { most: 1_000 });
    const publish = givenPublisher(central);
    const all = await Promise.all(upTo(300).map((n) => listen(`channel=${n % 2 === 0 ? 'even' : 'odd'}`)));
    const resting = upTo(128).map(() => connect(Number(new URL(server.url).port), '127.0.0.1'));
    onTestFinished(() => resting.forEach((socket) => void socket.destroy()));
    expect((await fetch(`${server.url}/nothing`)).status).toBe(404);
    await publish('even', 'to half of them');
    await until(() => streams.figures.sent === 150, { what: 'a word to half of them' });
    expect(all.every(({ isEnded }) => !isEnded)).toBe(true);
    // Nobody is left: nothing is read any more, and what comes again begins anew.
    for (const one of all) one.close();
    await until(() => streams.figures.open === 0, { what: 'the end of all' });
  });
});
