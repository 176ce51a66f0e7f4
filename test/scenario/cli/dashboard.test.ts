// The dashboard's server as the real program serves it: what it shows, what it may change, and what it says to strangers.
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import type {
  DashboardState,
  Layout,
  QueueDetail,
  QueueHistory,
  SourceDetail,
  SourceOnShard,
} from '../../../src/http/dashboard/state.ts';
import {
  givenInstalledHosts,
  givenTransactions,
  type InstalledHosts,
} from '../../support/installation/installed-hosts.ts';
import { isAlive, startTributary } from '../../support/processes/process.ts';
import { run } from '../../support/processes/run-cli.ts';
import { until } from '../../support/until.ts';

const SERVING = /serving (http:\S+)\/livez/;
const TOKEN = 'open-sesame-open';
/** Fails what a producer marked; else it is handled. */
const HANDLER = `
export default {
  async event(event, { client, dead }) {
    if (event.type.startsWith('bad')) throw new Error('no stock of ' + event.data);
    await client.query('insert into handled (origin, queue) values ($1, $2)', [String(event.origin), 'orders']);
  },
};`;
const CHANGE = { 'content-type': 'application/json', 'x-tributary': '1' };
const SCRIPT = '<script>alert(1)</script>';

interface Served extends InstalledHosts {
  readonly url: string;
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  post(path: string, body: unknown, headers?: Record<string, string | undefined>): Promise<Answer>;
  /** The states that one page gets from now on. */
  look(): Promise<Looking>;
  stop(): Promise<unknown>;
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: the documents differ by path.
  readonly json: any;
}

interface Looking {
  layout(): Layout | undefined;
  /** The newest. */
  state(): DashboardState | undefined;
  states(): number;
  readonly ended: Promise<void>;
}

async function givenDashboard(http = '', env: Record<string, string> = {}): Promise<Served> {
  const hosts = await givenInstalledHosts({ alpha: 2 }, { handler: HANDLER });
  const text = readFileSync(hosts.file, 'utf8').replace('./write.mjs', './write.mjs, retry: { attempts: 1 }');
  const yearly = "schedules: { yearly: { cron: '0 3 1 1 *', queue: orders } }\n";
  writeFileSync(hosts.file, `${text}${yearly}http: { listen: '127.0.0.1:0', ${http} }\n`);
  const program = startTributary(['-c', hosts.file, 'start', '--host', 'alpha'], { env });
  const url = SERVING.exec(await program.waitForLine(SERVING))?.[1] ?? '';
  const answered = async (response: Response): Promise<Answer> => {
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json');
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: isJson ? JSON.parse(text) : undefined,
    };
  };
  return {
    ...hosts,
    url,
    get: async (path, headers = {}) => answered(await fetch(url + path, { headers, redirect: 'manual' })),
    post: async (path, body, headers = {}) => {
      const all = Object.entries({ ...CHANGE, ...headers }).filter(([, value]) => value !== undefined);
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      return answered(
        await fetch(url + path, { method: 'POST', body: text, headers: all as [string, string][] }),
      );
    },
    look: () => look(`${url}/api/stream`),
    stop: () => {
      program.kill('SIGTERM');
      return program.exit;
    },
  };
}

async function look(url: string): Promise<Looking> {
  const ending = new AbortController();
  onTestFinished(() => ending.abort());
  const response = await fetch(url, { signal: ending.signal });
  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  let text = '';
  const ended = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? [])
      text += decoder.decode(chunk as Uint8Array, { stream: true });
  })().catch(() => {});
  const last = (event: string) => {
    const whole = text.slice(0, text.lastIndexOf('\n\n') + 1);
    const found = [...whole.matchAll(new RegExp(`event: ${event}\ndata: (.*)\n`, 'g'))].at(-1)?.[1];
    return found === undefined ? undefined : JSON.parse(found);
  };
  return {
    layout: () => last('layout'),
    state: () => last('state'),
    states: () => text.match(/event: state\n/g)?.length ?? 0,
    ended,
  };
}

describe.skipIf(process.platform !== 'linux')('cli/dashboard', () => {
  test('a page sees the installation move, a shard paused, central away and back, and the end', async () => {
    const dashboard = await givenDashboard();
    const page = await dashboard.look();
    await until(() => page.state()?.headline === 'All 2 sources are well.', {
      what: 'all being well',
      timeoutMs: 30_000,
    });
    expect(page.layout()).toMatchObject({
      actions: false,
      hosts: [{ name: 'alpha', shards: ['s1', 's2'] }],
      queues: [{ name: 'orders', from: ['orders'], isWorked: true }],
    });
    await dashboard.central.query(
      "select tributary.send_delayed('orders', array[null::float8], array[3.6e6::float8], $1, $1, $1, $1, $1, $1)",
      [[null]],
    );
    const later = await until(
      () => {
        const queue = page.state()?.queues[0];
        return queue !== undefined && queue.delayed === 1 && queue.schedules[0]?.sent === 0 && queue;
      },
      { what: 'a delayed event and a schedule', timeoutMs: 30_000 },
    );
    expect(later.schedules).toMatchObject([
      {
        name: 'yearly',
        zone: 'UTC',
        last: null,
        pausedBy: null,
        next: expect.stringContaining('-01-01T03:00'),
      },
    ]);
    expect(Date.parse(later.nextDelayed ?? '') - Date.parse(page.state()?.at ?? '')).toBeGreaterThan(3e6);
    await dashboard.central.query("update tributary.schedule set paused_at = now(), paused_by = 'ann@db01'");
    await until(() => page.state()?.queues[0]?.schedules[0]?.pausedBy === 'ann@db01', {
      what: 'who paused the schedule',
    });
    await givenTransactions(dashboard.shards, 4);
    await until(async () => (await dashboard.handled()) === 12, { what: '12 handled events' });
    const [first] = await dashboard.central.query<{ origin: string }>(
      "select origin from handled where origin like 's1:%' limit 1",
    );
    const { json: trace } = await dashboard.get(`/api/trace?origin=${first?.origin}`);
    expect([trace.state, trace.summary]).toEqual(['handled', expect.stringContaining('on host alpha')]);
    expect((await dashboard.get('/api/trace?origin=s7:orders:1')).status).toBe(404);
    const members = page.state()?.members ?? [];
    expect(members.map(({ kind, host }) => [kind, host])).toEqual([
      ['mover', 'alpha'],
      ['work', 'alpha'],
    ]);
    expect(members.flatMap(({ leases }) => leases)).toEqual(
      expect.arrayContaining(['shard:s1', 'shard:s2', 'slot:orders#1', 'slot:orders#2']),
    );
    expect((await run(['-c', dashboard.file, 'pause', '--shard', 's1'])).code).toBe(0);
    const paused = await until(() => page.state()?.cells.orders?.[0]?.[0] === 'paused' && page.state(), {
      what: 'the paused shard',
    });
    expect(paused.headline).toMatch(/^1 of 2 sources is well, 1 is paused\./);
    const source = await dashboard.get('/api/source?shard=s1&queue=orders');
    expect(source.json).toMatchObject({ state: 'paused', centralQueues: ['orders'], moved: 6 });
    const { positions } = source.json as SourceDetail;
    expect(positions.reduce((sum, { events }) => sum + (events ?? 0), 0)).toBe(6);
    const withEvents = positions.filter(({ events }) => (events ?? 0) > 0);
    expect(withEvents.map(({ mover, isPart }) => [mover, isPart])).toEqual(
      withEvents.map(() => ['alpha', false]),
    );
    for (const { at, tickAt, handledAt, fromTick, tick } of withEvents) {
      expect(tick).toBeGreaterThan(fromTick ?? tick);
      expect(Date.parse(at)).toBeGreaterThanOrEqual(Date.parse(tickAt));
      expect(Date.parse(handledAt ?? '')).toBeGreaterThanOrEqual(Date.parse(at));
    }
    const shard = (await dashboard.get('/api/source/shard?shard=s1&queue=orders')).json as SourceOnShard;
    expect(shard).toMatchObject({ reason: null, isOurs: true, diagnoses: [] });
    expect(shard.consumer).toMatch(/^tributary_/);
    expect(shard.bytes).toBeGreaterThan(0);
    expect((await dashboard.get('/api/source/shard?shard=s7&queue=orders')).status).toBe(404);
    expect((await dashboard.get('/api/source/shard?shard=s1&queue=nowhere')).status).toBe(404);
    expect(source.json.holders).toMatchObject([{ host: 'alpha', until: null }]);
    const workers = await until(
      async () => {
        const { json } = (await dashboard.get('/api/queue?name=orders')) as { json: QueueDetail };
        return json.workers.every(({ memoryBytes }) => memoryBytes !== null) && json.workers;
      },
      { what: 'workers that have said how large they are', timeoutMs: 30_000 },
    );
    expect(workers.map(({ slot }) => slot)).toEqual(['orders#1', 'orders#2']);
    for (const { pid, memoryBytes, ageSeconds, restarts } of workers) {
      expect(isAlive(pid ?? 0)).toBe(true);
      expect(memoryBytes).toBeGreaterThan(10 * 2 ** 20);
      expect(ageSeconds).toBeLessThan(600);
      expect(restarts).toBe(0);
    }
    const history = await until(
      async () => {
        const { json } = (await dashboard.get('/api/history?queue=orders&span=24h')) as {
          json: QueueHistory;
        };
        return json.at.length > 0 && json;
      },
      { what: 'a first row of history', timeoutMs: 30_000 },
    );
    expect(history.marks.map(({ kind }) => kind)).toEqual(['pause']);
    expect(history.at).toHaveLength(history.waiting.length);
    expect((await dashboard.get('/api/log')).json).toMatchObject([
      { from: 'cli', what: 'paused source s1:orders.' },
    ]);
    await dashboard.central.query('alter schema tributary rename to away');
    const away = await until(() => page.state()?.stale != null && page.state(), {
      what: 'central being away',
    });
    expect(away.cells.orders?.[0]?.[0]).toBe('paused');
    // The last answer is given again for less than a second.
    await until(async () => (await dashboard.get('/api/log')).status === 503, {
      what: 'an answer that says so',
    });
    await dashboard.central.query('alter schema away rename to tributary');
    await until(() => page.state()?.stale === null, { what: 'central being back' });
    expect(await dashboard.stop()).toEqual({ code: 0, signal: null });
    await page.ended;
  });

  test('the page changes what it may, by the name that the proxy gives, and each is in the log', async () => {
    const dashboard = await givenDashboard('actions: true, user_header: X-Forwarded-User');
    const as = { 'x-forwarded-user': 'ann\t<b>' };
    const page = await dashboard.look();
    const change = async (path: string, body: object) => {
      const answer = await dashboard.post(path, body, as);
      expect([answer.text, answer.status]).toEqual([answer.text, 200]);
      return answer.json.said as string;
    };
    expect(await change('/api/pause', { queue: 'orders', reason: 'mail\nmoves' })).toBe('Paused 2 sources.');
    expect(await change('/api/resume', { shard: 's1' })).toBe('Resumed 1 source.');
    expect(await change('/api/resume', { queue: 'orders' })).toBe('Resumed 1 source.');
    expect(await change('/api/scale', { queue: 'orders', workers: 1 })).toBe('orders: 2 → 1 worker.');
    await until(() => page.state()?.queues[0]?.workersUp === 1, { what: 'one worker', timeoutMs: 30_000 });
    expect(await change('/api/reload-workers', { queue: 'orders' })).toContain('are being replaced');
    await dashboard.shards[0]?.query(
      `select pgq.insert_event('orders', 'bad', n || $1) from generate_series(1, 5) n`,
      [SCRIPT],
    );
    const groups = await until(
      async () => {
        const { json } = await dashboard.get('/api/dead');
        return json[0]?.count === 5 && json;
      },
      { what: 'five dead events', timeoutMs: 30_000 },
    );
    expect(groups).toHaveLength(1);
    const { queue, kind, error, sampleId } = groups[0];
    expect(error).toBe(`no stock of N${SCRIPT.replace('1', 'N')}`);
    const sample = await dashboard.get(`/api/dead/sample?queue=orders&id=${sampleId}`);
    expect(sample.json).toMatchObject({ type: 'bad', data: `5${SCRIPT}`, kind: 'handler' });
    for (const { headers } of [sample, await dashboard.get('/api/dead')]) {
      expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    }
    const which = { queue, kind, error };
    expect(await change('/api/dead/retry', { ...which, count: 1 })).toBe('1 dead event handed out again.');
    // It dies again.
    await until(async () => (await dashboard.get('/api/dead')).json[0]?.count === 5, { what: 'five again' });
    const wrong = await dashboard.post('/api/dead/discard', { ...which, count: 4 }, as);
    expect([wrong.status, wrong.json.error]).toEqual([
      409,
      'There are 5 of them now, not 4: nothing was discarded.',
    ]);
    expect(await change('/api/dead/retry', { ...which, perSecond: 0.1 })).toBe(
      '5 dead events will be retried, 0.1 a second.',
    );
    const seen = await until(() => page.state()?.retries.find(({ done }) => done >= 1), {
      what: 'a retry under way',
    });
    const twice = await dashboard.post('/api/dead/retry', which, as);
    expect([twice.status, twice.json.error]).toEqual([
      409,
      'These are being retried already, by host alpha.',
    ]);
    expect(await change('/api/dead/retry/stop', { id: seen.id })).toMatch(
      /^Host alpha stopped after [1-4] of 5 dead events: the others are as before\.$/,
    );
    await until(() => page.state()?.retries?.length === 0, { what: 'the end of the retry' });
    const gone = await dashboard.post('/api/dead/retry/stop', { id: seen.id }, as);
    expect([gone.status, gone.json.error]).toEqual([409, expect.stringContaining('No such retry')]);
    await until(async () => (await dashboard.get('/api/dead')).json[0]?.count === 5, {
      what: 'all dead again',
    });
    expect(await change('/api/dead/discard', { ...which, count: 5 })).toBe('5 dead events discarded.');
    expect((await dashboard.get('/api/dead')).json).toEqual([]);
    const { json: log } = await dashboard.get('/api/log');
    const noted = log.map(({ what }: { what: string }) => what.replace(/[1-4] of 5/, 'N of 5'));
    expect(noted.reverse()).toEqual([
      'paused 2 sources of orders: mail moves.',
      'resumed source s1:orders.',
      'resumed source s2:orders.',
      'scaled orders from 2 to 1 worker.',
      'replaced the workers of orders by new ones.',
      'began to retry 1 dead event of orders (handler).',
      'began to retry 5 dead events of orders (handler), 0.1 a second.',
      'stopped a retry of orders (handler) after N of 5 dead events.',
      'discarded 5 dead events of orders (handler).',
    ]);
    expect(new Set(log.map(({ who, from }: { who: string; from: string }) => `${who} ${from}`))).toEqual(
      new Set(['ann <b> page']),
    );
    const nobody = await dashboard.post('/api/pause', { queue: 'orders' });
    expect([nobody.status, nobody.json.error]).toEqual([403, expect.stringContaining('No user is named')]);
  });

  test('a retry that goes on is ended by the stop, and the rest is as before', async () => {
    const dashboard = await givenDashboard('actions: true');
    await dashboard.central.query(
      `insert into tributary.dead_event (kind, central_queue, ev_id, ev_time, ev_type, ev_data, error)
       select 'handler', 'orders', n, now(), 'placed', '{}', 'no' from generate_series(1, 20) n`,
    );
    const [{ queue, kind, error, count }] = (await dashboard.get('/api/dead')).json;
    expect(count).toBe(20);
    expect((await dashboard.post('/api/dead/retry', { queue, kind, error, perSecond: 1 })).status).toBe(200);
    const page = await dashboard.look();
    await until(() => (page.state()?.retries?.[0]?.done ?? 0) >= 1, { what: 'a retry under way' });
    expect(await dashboard.stop()).toEqual({ code: 0, signal: null });
    const [row] = await dashboard.central.query<{ n: number }>(
      'select count(*)::int as n from tributary.dead_event where redriven_at is null and redriven = 0',
    );
    expect(row?.n).toBeGreaterThan(10);
    expect(
      (await dashboard.central.query('select who from tributary.logbook where via = $1', ['page']))[0],
    ).toEqual({
      who: 'somebody at 127.0.0.1',
    });
  });

  test('where the file does not allow it nothing is changed, nor for another site, nor by what is not valid', async () => {
    const looking = await givenDashboard();
    const dashboard = await givenDashboard('actions: true');
    const count = async ({ central }: Served) =>
      (
        await central.query<{ n: number }>(
          'select count(*)::int as n from tributary.logbook where via <> $1',
          ['program'],
        )
      )[0]?.n;
    const paths = [
      'pause',
      'resume',
      'scale',
      'reload-workers',
      'dead/retry',
      'dead/retry/stop',
      'dead/discard',
    ];
    for (const path of paths) {
      const { status, json } = await looking.post(`/api/${path}`, { queue: 'orders', workers: 9 });
      expect([path, status, json.error]).toEqual([path, 403, expect.stringContaining('actions: true')]);
    }
    const origin = new URL(dashboard.url).origin;
    const foreign: Record<string, string | undefined>[] = [
      { 'x-tributary': undefined },
      { 'content-type': 'text/plain' },
      { 'content-type': 'application/x-www-form-urlencoded' },
      { origin: 'http://evil.example' },
      { origin: 'null' },
      { origin: origin.replace('127.0.0.1', 'localhost') },
    ];
    for (const path of paths)
      for (const headers of foreign) {
        const { status } = await dashboard.post(`/api/${path}`, { queue: 'orders', workers: 9 }, headers);
        expect([path, headers, status]).toEqual([path, headers, 403]);
      }
    const preflight = await fetch(`${dashboard.url}/api/pause`, { method: 'OPTIONS' });
    expect(preflight.headers.get('access-control-allow-origin')).toBeNull();
    const invalid: [string, unknown, number][] = [
      ['pause', {}, 400],
      ['pause', { queue: 'orders', more: 1 }, 400],
      ['pause', { queue: 7 }, 400],
      ['pause', { queue: '' }, 400],
      ['pause', { queue: 'nowhere' }, 404],
      ['pause', 'null', 400],
      ['pause', '[]', 400],
      ['pause', '{', 400],
      ['pause', '{"queue":"orders","__proto__":{"x":1}}', 400],
      ['pause', { queue: 'orders', reason: 'x'.repeat(20_000) }, 413],
      ['scale', { queue: 'orders', workers: -1 }, 400],
      ['scale', { queue: 'orders', workers: 1.5 }, 400],
      ['scale', { queue: 'orders', workers: '3' }, 400],
      ['scale', { queue: 'orders', workers: 1e9 }, 400],
      ['scale', { queue: 'nowhere', workers: 1 }, 404],
      ['reload-workers', { queue: 'nowhere' }, 404],
      ['dead/retry', { queue: 'orders', kind: 'any', error: '' }, 400],
      ['dead/retry', { queue: 'orders', kind: 'handler', error: 'x', perSecond: 0 }, 400],
      ['dead/discard', { queue: 'orders', kind: 'handler', error: 'x' }, 400],
      ['dead/discard', { queue: 'orders', kind: 'handler', error: 'x', count: 1 }, 404],
    ];
    for (const [path, body, status] of invalid) {
      const answer = await dashboard.post(`/api/${path}`, body);
      expect([path, body, answer.status, answer.text]).toEqual([path, body, status, answer.text]);
      expect(answer.json.error).toMatch(/^[A-Z].*[.?]$/);
    }
    expect([await count(looking), await count(dashboard)]).toEqual([0, 0]);
  });

  test('without the token no path says anything, with it each does, and what is odd in a path stays a path', async () => {
    const dashboard = await givenDashboard(`token: ${TOKEN}, actions: true`, {
      // Else no token would be compared any more after the first ten.
      TRIBUTARY_TIMING: 'http.wrongTokensMs=1',
    });
    const authorization = `Bearer ${TOKEN}`;
    const paths = [
      ...['/', '/assets/x.js', '/api/stream', '/api/log', '/api/dead', '/api/dead/sample?queue=orders&id=1'],
      ...['/api/source?shard=s1&queue=orders', '/api/queue?name=orders', '/api/history?queue=orders'],
      '/api/trace?origin=s1:orders:1',
      '/api/source/shard?shard=s1&queue=orders',
      ...['/livez', '/readyz', '/metrics', '/nowhere', '/api/nowhere', '/logout', '/../../etc/passwd'],
    ];
    for (const path of paths) {
      for (const headers of [{}, { authorization: `${authorization}x` }, { cookie: `tributary=${TOKEN}` }]) {
        const { status, text } = await dashboard.get(path, headers);
        expect([path, status, text]).toEqual([
          path,
          401,
          expect.not.stringMatching(/orders|tributary\b.*s1/),
        ]);
      }
    }
    for (const path of ['pause', 'scale', 'dead/discard', 'nowhere'])
      expect((await dashboard.post(`/api/${path}`, { queue: 'orders' })).status).toBe(401);
    expect((await dashboard.get('/', { accept: 'text/html' })).headers.get('location')).toBe('/login');
    expect((await dashboard.get('/api/queue?name=orders', { authorization })).status).toBe(200);
    for (const path of [
      `/api/queue?name=${encodeURIComponent(SCRIPT)}`,
      `/api/source?shard=${encodeURIComponent(SCRIPT)}&queue=x`,
      '/api/history?queue=nowhere',
      `/api/trace?origin=${encodeURIComponent(SCRIPT)}`,
    ]) {
      const { status, headers } = await dashboard.get(path, { authorization });
      expect([path, status]).toEqual([path, 404]);
      expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
    }
    for (const path of [
      '/api/source',
      '/api/trace',
      '/api/queue?name=a&name=b',
      '/api/history?queue=orders&span=1y',
      '/api/dead/sample?queue=orders&id=-1',
      '/api/dead/sample?queue=orders&id=1e400',
      `/api/queue?name=${'x'.repeat(300)}`,
    ])
      expect([path, (await dashboard.get(path, { authorization })).status]).toEqual([path, 400]);
    const split = await dashboard.get('/api/queue?name=x%0d%0aSet-Cookie:%20a=b', { authorization });
    expect([split.status, split.headers.get('set-cookie')]).toEqual([404, null]);
  });

  test('under another name than this machine’s nothing is shown to a browser that was led here', async () => {
    const dashboard = await givenDashboard('actions: true');
    const { port } = new URL(dashboard.url);
    const asked = (host: string, path: string) =>
      new Promise<string>((resolve, reject) => {
        const socket = connect(Number(port), '127.0.0.1', () =>
          socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`),
        );
        let text = '';
        socket.setEncoding('utf8').on('data', (chunk) => {
          text += chunk;
        });
        socket.on('end', () => resolve(text)).on('error', reject);
      });
    for (const path of ['/', '/api/log', '/api/stream', '/api/queue?name=orders'])
      expect(await asked('evil.example', path)).toMatch(/^HTTP\/1\.1 403 /);
    expect(await asked(`localhost:${port}`, '/api/log')).toMatch(/^HTTP\/1\.1 200 /);
    expect(await asked('probe.example', '/livez')).toMatch(/^HTTP\/1\.1 200 /);
  });
});
