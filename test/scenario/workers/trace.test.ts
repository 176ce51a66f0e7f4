// `tributary trace` over the real mover and workers: where each event went, what became of it, and where it waits.
import { describe, expect, test } from 'vitest';
import type { Trace } from '../../../src/observability/trace/shape.ts';
import { type Forwarding, givenForwarding } from '../../support/mover/forwarding.ts';
import { startTributary } from '../../support/processes/process.ts';
import { run } from '../../support/processes/run-cli.ts';
import { until } from '../../support/until.ts';

const HANDLER = `
let thrown = 0;
export default {
  async event(event, { client, send, dead, retry, log }) {
    const { what } = event.json();
    await client.query('select 1');
    if (what === 'twice' && event.retry === 0) throw new Error('not yet\\u001b[2J\\ndead     forged');
    if (what === 'never') throw new Error('refused \\u001b]0;x\\u0007');
    if (what === 'gives up') dead(event, 'no such customer');
    if (what === 'breaks' && (await client.query("select to_regclass('public.mended') as is")).rows[0].is === null) dead(event, 'broken');
    if (what === 'waits') await client.query('select pg_advisory_xact_lock(7)');
    if (what === 'kills') process.exit(7);
    if (what === 'later') retry(event, { after: '1h' });
    if (what === 'sends') send('emails', [{ type: 'one', data: { what: 'mail' } }, { type: 'two', data: { what: 'mail' } }]);
  },
};`;
const BATCH = 'export default { async batch(events, { client }) { await client.query("select 1"); } };';
const FREE = `
export default {
  transaction: false,
  async event(event, { send }) {
    if (event.json().what === 'twice' && event.retry === 0) throw new Error('not yet');
    if (event.json().what === 'sends') send('emails', { type: 'one', data: { what: 'mail' } });
  },
};`;

const QUEUES = `
  orders: { create: true, workers: 2, handler: ./orders.mjs, retry: { attempts: 2, first: 100ms }, redact: [data.card] }
  emails: { create: true, workers: 1, handler: ./batch.mjs }
  bills: { create: true, workers: 1, handler: ./free.mjs, retry: { attempts: 2, first: 100ms } }
  slow: { create: true, workers: 1, handler: ./batch.mjs, rate: 20/s }
  parked: { create: true, workers: 0 }
  some: { create: true, workers: 0, where: "ev_type = 'wanted'" }
  plain: { create: true, workers: none }`;

interface Given extends Forwarding {
  /** Commits one event on the shard. @returns its origin. */
  insert(queue: string, data: object, type?: string): Promise<string>;
  trace(...args: string[]): Promise<Trace>;
  /** Traces until it is in this state. */
  until(origin: string, state: Trace['state']): Promise<Trace>;
  text(...args: string[]): ReturnType<typeof run>;
}

/** Only with these queues, where some are named: each that is worked off costs processes. */
async function given(...names: readonly string[]): Promise<Given> {
  const queues = QUEUES.split('\n')
    .filter((line) => names.length === 0 || names.includes(/^ {2}(\w+):/.exec(line)?.[1] ?? ''))
    .join('\n');
  const others = { 'orders.mjs': HANDLER, 'batch.mjs': BATCH, 'free.mjs': FREE };
  const forwarding = await givenForwarding({ shards: 1, queues, others });
  const { file, shards } = forwarding;
  const text = (...args: string[]) => run(['-c', file, 'trace', ...args]);
  const trace = async (...args: string[]) => {
    const { stdout, stderr } = await text(...args, '--json');
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout) as Trace;
  };
  return {
    ...forwarding,
    text,
    trace,
    async insert(queue, data, type = 'made') {
      const rows = await shards[0]?.query<{ id: number }>('select pgq.insert_event($1, $2, $3) as id', [
        queue,
        type,
        JSON.stringify(data),
      ]);
      return `s1:${queue}:${rows?.[0]?.id}`;
    },
    async until(origin, state) {
      let last: Trace | undefined;
      await until(
        async () => {
          last = await trace(origin);
          if (last.state !== state) throw new Error(JSON.stringify(last));
          return true;
        },
        { what: `${origin} to be ${state}`, timeoutMs: 60_000 },
      );
      return last as Trace;
    },
  };
}

const startAll = async ({ config, file }: Forwarding) => {
  const host = config.shards[0]?.moverHost as string;
  const all = startTributary(['-c', file, 'start', '--host', host]);
  await all.waitForLine(/shard s1 is connected/, { timeoutMs: 90_000 });
  return host;
};

describe('trace', () => {
  test('what was handled, failed, died, was put off and sent on, each with its worker, and where the rest waits', async () => {
    const it = await given();
    const first = await it.insert('orders', { what: 'nothing', card: '4111' });
    // Before anything runs.
    const waiting = await it.trace(first);
    expect(waiting).toMatchObject({ state: 'waiting', move: null, central: null, tries: [] });
    expect(waiting.summary).toMatch(/^It .*shard s1.*No mover has moved shard s1 yet/);
    const host = await startAll(it);

    const handled = await it.until(first, 'handled');
    const worker = expect.stringMatching(/^orders#\d$/);
    expect(handled).toMatchObject({
      origin: first,
      shard: {
        shard: 's1',
        queue: 'orders',
        id: expect.any(Number),
        type: 'made',
        seenBy: { id: expect.any(Number) },
      },
      move: { mover: host, transaction: expect.stringMatching(/^\d+$/) },
      central: { queue: 'orders', id: expect.any(Number), seenBy: { id: expect.any(Number) } },
      tries: [{ became: 'done', worker, host, calls: 1, error: null, batch: { openings: 1 } }],
      retry: null,
      dead: null,
      sent: [],
      payload: null,
      notes: [],
    });
    expect(handled.move?.transaction).toBe(handled.central?.transaction);
    expect(handled.summary).toMatch(/^Handled at \S+ by worker orders#\d on host /);
    expect((await it.trace(first, '--data')).payload?.data).toBe('{"what":"nothing","card":"[redacted]"}');
    const id = String(handled.central?.id);
    expect(await it.trace(id, '--queue', 'orders')).toMatchObject({
      origin: first,
      state: 'handled',
      shard: null,
    });
    expect(await it.trace(`orders:${id}`)).toMatchObject({ origin: first, state: 'handled' });

    const twice = await it.until(await it.insert('orders', { what: 'twice' }), 'handled');
    expect(twice.tries).toMatchObject([
      {
        became: 'put-off',
        attempts: 1,
        error: expect.stringContaining('not yet'),
        afterMs: expect.any(Number),
      },
      { became: 'done', worker },
    ]);
    expect(twice.summary).toContain('after 1 earlier try');

    const never = await it.until(await it.insert('orders', { what: 'never' }), 'dead');
    expect(never.tries.map(({ became }) => became)).toEqual(['put-off', 'dead']);
    expect(never).toMatchObject({ dead: { kind: 'handler', attempts: 2, redrivenAt: null }, retry: null });
    expect(never.summary).toMatch(/^Dead since .* after 2 tries: refused .*`tributary dead show 1` shows it/);

    const gaveUp = await it.until(await it.insert('orders', { what: 'gives up' }), 'dead');
    expect(gaveUp.tries).toMatchObject([{ became: 'dead', error: 'no such customer' }]);

    const later = await it.until(await it.insert('orders', { what: 'later' }), 'retrying');
    expect(later.summary).toMatch(/^Its handler put it off until /);

    const sends = await it.until(await it.insert('orders', { what: 'sends' }), 'handled');
    expect(sends.sent).toMatchObject([
      { queue: 'emails', type: 'one', origin: expect.stringMatching(/^s1:orders:\d+>emails:\d+$/) },
      { queue: 'emails', type: 'two' },
    ]);
    const mail = await it.until(sends.sent[0]?.origin ?? '', 'handled');
    expect(mail).toMatchObject({
      origin: sends.sent[0]?.origin,
      tries: [{ worker: 'emails#1', became: 'done' }],
    });

    const lock = await it.central.connect();
    await lock.script('begin; select pg_advisory_xact_lock(7)');
    const waits = await it.until(await it.insert('orders', { what: 'waits' }), 'working');
    expect(waits.summary).toMatch(/^Worker orders#\d has it at hand; its last sign of life was at /);
    await lock.script('commit');
    await it.until(waits.origin ?? '', 'handled');

    // Handed out again by hand.
    await run(['-c', it.file, 'dead', 'retry', '2', '--yes']);
    await until(async () => (await it.trace(gaveUp.origin ?? '')).tries.length === 2, {
      what: 'the dead event to be tried again',
    });

    // The same, and this time it goes well.
    const broken = await it.until(await it.insert('orders', { what: 'breaks' }), 'dead');
    await it.central.query('create table public.mended ()');
    await run(['-c', it.file, 'dead', 'retry', String(broken.dead?.id), '--yes']);
    const mended = await it.until(broken.origin ?? '', 'handled');
    expect(mended.tries.map(({ became }) => became)).toEqual(['dead', 'done']);

    const free = await it.until(await it.insert('bills', { what: 'twice' }), 'handled');
    expect(free.tries.map(({ became }) => became)).toEqual(['put-off', 'done']);
    const freeSends = await it.until(await it.insert('bills', { what: 'sends' }), 'handled');
    expect(freeSends.sent).toMatchObject([{ queue: 'emails', type: 'one' }]);

    const parked = await it.until(await it.insert('parked', { what: 'nothing' }), 'waiting');
    await until(async () => (await it.trace(parked.origin ?? '')).central !== null, {
      what: 'it to be on central',
    });
    expect((await it.trace(parked.origin ?? '')).summary).toContain(
      'It waits for the workers of parked: it is next.',
    );

    const leftOut = await it.until(await it.insert('some', {}, 'other'), 'left-out');
    expect(leftOut.summary).toContain('`where` of queue some leaves it out');
    expect((await it.until(await it.insert('plain', {}), 'forwarded')).summary).toContain(
      'No workers of this installation',
    );

    expect(
      (await run(['-c', it.file, 'pause', '--shard', 's1', '--queue', 'orders', '--reason', 'maintenance']))
        .code,
    ).toBe(0);
    await until(
      async () => {
        const paused = await it.trace(await it.insert('orders', { what: 'nothing' }));
        return (
          paused.state === 'waiting' && /Paused .* ago: maintenance\. `tributary resume/.test(paused.summary)
        );
      },
      { what: 'a source that is paused' },
    );
  }, 180_000);

  test('an event that kills its workers is told of as such, while it is hunted and when it is dead', async () => {
    const it = await given('orders');
    await startAll(it);
    // Others in its batches: they are handled, and their ways say so.
    const origins: string[] = [];
    for (const what of ['nothing', 'kills', 'nothing']) origins.push(await it.insert('orders', { what }));
    const [before = '', kills = '', after = ''] = origins;
    const dead = await until(
      async () => {
        const seen = await it.trace(kills);
        // Never handled, and never nowhere.
        expect(['waiting', 'working', 'retrying', 'dead']).toContain(seen.state);
        return seen.state === 'dead' && seen;
      },
      { what: 'the death of the event', timeoutMs: 120_000 },
    );
    expect(dead).toMatchObject({ dead: { kind: 'killed', redrivenAt: null }, retry: null });
    expect(dead.summary).toMatch(
      /^Dead since \S+: Several worker processes died .*`tributary dead show 1` shows it/,
    );
    expect(dead.tries.every(({ became }) => became === 'dead')).toBe(true);
    for (const origin of [before, after])
      expect((await it.until(origin, 'handled')).tries).toMatchObject([{ became: 'done' }]);
    expect((await it.text(kills)).stdout).toContain(dead.dead?.error);
  }, 180_000);

  test('each part of a batch that goes in many transactions has its own', async () => {
    const it = await given('slow');
    const rows = await it.shards[0]?.query<{ id: number }>(
      `select pgq.insert_event('slow', 'made', '{"what":"nothing"}') as id from generate_series(1, 30)`,
    );
    const origins = (rows ?? []).map(({ id }) => `s1:slow:${id}`);
    await startAll(it);
    await it.until(origins.at(-1) ?? '', 'handled');
    const tries = [];
    for (const origin of origins) tries.push(...(await it.trace(origin)).tries);
    expect(tries).toHaveLength(30);
    expect(tries.every(({ became, calls }) => became === 'done' && calls === 1)).toBe(true);
    const transactions = new Map<string, number>();
    for (const { transaction } of tries)
      transactions.set(transaction, (transactions.get(transaction) ?? 0) + 1);
    expect(transactions.size).toBeGreaterThan(1);
    // Each part counts the events that it was found for.
    for (const { events, transaction } of tries) expect(events).toBe(transactions.get(transaction));
  }, 120_000);

  test('what events hold steers no terminal, is exact in JSON, and is found by a key', async () => {
    const it = await given('orders');
    await startAll(it);
    const type = '\u001b[2Jmade\u009b31m\ntry 9    forged \u202e';
    const origin = await it.insert('orders', { what: 'never', text: '\u001b]52;c;aGk=\u0007' }, type);
    await it.until(origin, 'dead');
    const { stdout, code } = await it.text(origin, '--data');
    expect(code).toBe(0);
    expect(stdout).not.toMatch(/[^\n\P{Cc}]|\u202e/u);
    expect(stdout.split('\n').filter((line) => /^(try 9|dead {5}forged)/.test(line))).toEqual([]);
    expect(stdout).toContain('forged');
    expect((await it.trace(origin)).central?.type).toBe(type);
    const raw = await it.text(origin, '--json');
    expect(raw.stdout).not.toMatch(/[^\n\P{Cc}]/u);

    // A key is searched in the newest events of central.
    const keyed = await it.insert('orders', { what: 'nothing', customer: 'C-77' });
    await it.until(keyed, 'handled');
    expect(await it.trace('--key', 'C-77')).toMatchObject({ origin: keyed, state: 'handled' });
    const other = await it.insert('orders', { what: 'nothing', customer: 'C-77' });
    await it.until(other, 'handled');
    const both = await it.text('--key', 'C-77', '--queue', 'orders');
    expect(both.stdout).toContain(`${other} `);
    expect(both.stdout).toContain(`${keyed} `);
    expect(await it.text('--key', 'C-78')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'None of the newest 100,000 events of each central queue has "C-78".\n',
    });
  }, 120_000);

  test('what is not known is said in one sentence, with how far back can be seen', async () => {
    const it = await given('orders', 'plain');
    await startAll(it);
    const origin = await it.insert('orders', { what: 'nothing' });
    const last = Number(origin.split(':')[2]);
    await it.until(origin, 'handled');
    expect(await it.text('s1:orders:99')).toEqual({
      code: 1,
      stdout: '',
      stderr: `There is no event s1:orders:99 yet: queue orders on shard s1 has given out ids up to ${last}.\n`,
    });
    const open = await it.shards[0]?.connect();
    await open?.script("begin; select pgq.insert_event('orders', 'made', '{}')");
    expect((await it.text(`s1:orders:${last + 1}`)).stderr).toMatch(
      /no event s1:orders:\d.*its transaction is still open/i,
    );
    await open?.script('rollback');
    expect(await it.text('s2:orders:1')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Central knows no shard s2'),
    });
    expect(await it.text('s1:order:1')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('did you mean orders?'),
    });
    expect(await it.text('17')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Say --queue NAME'),
    });
    expect(await it.text('17', '--queue', 'orders')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('has no event 17'),
    });
    expect(await it.text()).toMatchObject({ code: 2 });
    // Everything from before is gone.
    await it.central.query('truncate tributary.handled_0, tributary.handled_1');
    const passed = await it.trace(origin);
    expect(passed.state).toBe('passed');
    expect(passed.summary).toMatch(/^The workers of orders are past it; what they did with it is not known/);
  }, 120_000);
});
