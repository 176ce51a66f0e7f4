import { beforeAll, describe, expect, test } from 'vitest';
import type { CentralLink } from '../../../src/central/central-link.ts';
import { changeDelayed, countDelayed, delayedStandings, listDelayed } from '../../../src/delays/delayed.ts';
import type { Connection } from '../../../src/postgres/connection.ts';
import { randomFrom } from '../../support/random.ts';
import { until } from '../../support/until.ts';
import { givenWorkerCentral, type WorkerCentral } from '../../support/workers/worker-central.ts';

let central: WorkerCentral;
beforeAll(async () => {
  central = await givenWorkerCentral(['orders', 'emails']);
});

const OPERATOR = { who: 'anna@test', via: 'cli' } as const;
const NEVER = new AbortController().signal;

/** Keeps events `from`..`from + count - 1` of a queue until so many ms from now. */
const send = (
  connection: Pick<Connection, 'query'>,
  queue: string,
  { from, waits }: { readonly from: number; readonly waits: readonly number[] },
) =>
  connection.query('select tributary.send_delayed($1, $2, $3, $4, $5, $4, $4, $4, $4)', [
    queue,
    waits.map(() => null),
    waits,
    waits.map(() => null),
    waits.map((_, at) => String(from + at)),
  ]);

const deliver = async (queue: string, most = 10_000) => {
  const [row] = await central.query<{ events: number | null; is_more: boolean }>(
    'select events, is_more from tributary.deliver_delayed($1, $2)',
    [queue, most],
  );
  return row;
};

const due = async () =>
  (await central.query<{ q: string }>("select q from tributary.delayed_due('{orders,emails}') q")).map(
    ({ q }) => q,
  );

const delivered = async (queue: string) => {
  const [row] = await central.query<{ pfx: string }>(
    'select queue_data_pfx as pfx from pgq.queue where queue_name = $1',
    [queue],
  );
  return (await central.query<{ n: number }>(`select ev_data::int as n from ${row?.pfx} order by ev_id`)).map(
    ({ n }) => n,
  );
};

const link = () => central.connect().then((connection) => linkOver(connection));
const linkOver = (connection: Connection) =>
  ({
    query: connection.query.bind(connection),
    use: (work: (one: Connection) => unknown) => work(connection),
  }) as unknown as CentralLink;

const slices = async () =>
  (
    await central.query<{ name: string }>(
      'select name from tributary.delayed_slice order by until_at - from_at, 1',
    )
  ).map(({ name }) => name.replace(/_\d+$/, ''));

/** Sorts until there is nothing to sort. */
const sort = async (bytes = 1) => {
  for (let step = 0; step < 100; step += 1) {
    const [row] = await central.query<{ is_more: boolean }>(
      'select tributary.sort_delayed($1, 7) as is_more',
      [bytes],
    );
    if (row?.is_more !== true) return;
  }
  throw new Error('Sorting has no end.');
};

describe('delays/delivery', () => {
  test('over random histories each event goes in once, none before its time, whatever is committed late, rolled back or sorted', async () => {
    const random = randomFrom();
    const about = `seed ${random.seed}`;
    const writers = await Promise.all([central.connect(), central.connect(), central.connect()]);
    const open = new Map<Connection, { from: number; waits: number[] }>();
    const dueMs = new Map<number, number>();
    const expected = new Set<number>();
    let n = 1;
    let early = 0;
    const check = async () => {
      const nowMs = Date.now();
      for (const one of await delivered('orders')) if ((dueMs.get(one) ?? Number.NaN) > nowMs + 5) early += 1;
    };
    for (let step = 0; step < 220; step += 1) {
      const writer = random.pick(writers);
      const writing = open.get(writer);
      const act = random.below(10);
      if (writing === undefined && act < 4) {
        const waits = Array.from({ length: 1 + random.below(9) }, () => random.below(400) - 150);
        await writer.query('begin');
        // Counted from here, a time is never later than the one that the server takes.
        const beganMs = Date.now();
        await send(writer, 'orders', { from: n, waits });
        waits.forEach((wait, at) => {
          dueMs.set(n + at, beganMs + wait);
        });
        open.set(writer, { from: n, waits });
        n += waits.length;
      } else if (writing !== undefined && act < 6) {
        const isKept = !random.oneIn(4);
        await writer.query(isKept ? 'commit' : 'rollback');
        if (isKept) for (const at of writing.waits.keys()) expected.add(writing.from + at);
        open.delete(writer);
      } else if (act < 9) {
        if (random.oneIn(3) || (await due()).includes('orders'))
          await deliver('orders', 1 + random.below(20));
        if (random.oneIn(6)) await check();
      } else {
        await central.query('select tributary.sort_delayed(1, 7)');
        if (random.oneIn(3)) await central.query("select tributary.tidy_delayed('0 s')");
      }
    }
    for (const [writer, { from, waits }] of open) {
      await writer.query('commit');
      for (const at of waits.keys()) expected.add(from + at);
    }
    await until(
      async () => {
        if ((await due()).includes('orders')) await deliver('orders');
        return (await delivered('orders')).length >= expected.size;
      },
      { what: `all delayed events (${about})` },
    );
    await deliver('orders');
    expect(
      (await delivered('orders')).sort((a, b) => a - b),
      about,
    ).toEqual([...expected].sort((a, b) => a - b));
    expect(early, about).toBe(0);
    expect(await due(), about).toEqual([]);
    // Everything has gone: nothing is counted, and nothing is left to sort.
    await sort();
    await sort();
    await central.query("select tributary.tidy_delayed('0 s')");
    expect(await central.query('select * from tributary.delayed_sum'), about).toEqual([]);
    expect(await central.query('select count(*)::int as n from tributary.delayed_0'), about).toEqual([
      { n: 0 },
    ]);
  });

  test('what waits is sorted into slices of hours, days and months, and is found, cancelled and made due there', async () => {
    const hour = 3_600_000;
    const waits = [1, 2, 30, 24 * 10, 24 * 10, 24 * 400].map((hours) => hours * hour);
    await send(central, 'emails', { from: 1, waits });
    await sort();
    expect(new Set(await slices())).toEqual(new Set(['delayed_hour', 'delayed_day', 'delayed_month']));
    expect(await central.query('select count(*)::int as n from only tributary.delayed_0')).toEqual([
      { n: 0 },
    ]);
    expect(await central.query('select count(*)::int as n from only tributary.delayed_1')).toEqual([
      { n: 0 },
    ]);
    const connection = await link();
    expect((await delayedStandings(connection, ['emails'], 10_000)).get('emails')?.events).toBe(6);
    const listed = await listDelayed(connection, { queue: 'emails' }, 3);
    expect(listed.map(({ data }) => data)).toEqual(['1', '2', '3']);

    const meantBy = async (filter: object) => ({
      filter: {
        ...filter,
        upTo: Math.max(...(await countDelayed(connection, filter)).map(({ newest }) => newest)),
      },
      queues: ['emails'],
      words: 'some',
      operator: OPERATOR,
    });
    const tenDays = await meantBy({
      queue: 'emails',
      ids: (await listDelayed(connection, {}, 5)).slice(3).map(({ id }) => id),
    });
    expect(await changeDelayed(connection, 'cancel', tenDays, NEVER)).toBe(2);
    expect(await changeDelayed(connection, 'cancel', tenDays, NEVER)).toBe(0);
    expect(
      await changeDelayed(connection, 'now', await meantBy({ queue: 'emails', withinMs: 3 * hour }), NEVER),
    ).toBe(2);
    expect(await due()).toEqual(['emails']);
    expect((await deliver('emails'))?.events).toBe(2);
    expect(await delivered('emails')).toEqual([1, 2]);
    expect(await changeDelayed(connection, 'now', await meantBy({ queue: 'emails' }), NEVER)).toBe(2);
    await deliver('emails');
    expect(await delivered('emails')).toEqual([1, 2, 3, 6]);
    expect((await delayedStandings(connection, ['emails'], 10_000)).has('emails')).toBe(false);
    expect(await central.query('select what from tributary.logbook order by id')).toHaveLength(3);
  });

  test('a slice whose time is over is dropped once all of it has gone, and a queue that takes nothing keeps it', async () => {
    await central.query("update tributary.delayed_slice set until_at = now() - interval '1 hour'");
    const [before] = await central.query<{ n: number }>(
      'select count(*)::int as n from tributary.delayed_slice',
    );
    expect(before?.n).toBeGreaterThan(0);
    await sort();
    expect(await central.query('select name from tributary.delayed_slice')).toEqual([]);
    await send(central, 'emails', { from: 20, waits: [3_600_000] });
    await sort();
    await central.query("update tributary.delayed_slice set until_at = now() - interval '1 hour'");
    await sort();
    expect(await slices()).toEqual(['delayed_hour']);
  });

  test('looking costs no transaction id and no row, however many events wait', async () => {
    await send(central, 'orders', { from: 1_000, waits: Array.from({ length: 6_000 }, () => 3_600_000) });
    // So many came that a run is due, which looks at them once.
    for (const queue of await due()) await deliver(queue);
    const runs = async () =>
      (
        await central.query<{ n: number; xid: string }>(
          'select (select count(*)::int from tributary.delayed_run) as n, pg_current_xact_id_if_assigned()::text as xid',
        )
      )[0];
    const connection = await central.connect();
    await connection.query('begin');
    const before = await runs();
    for (let look = 0; look < 5; look += 1)
      expect(await connection.query("select q from tributary.delayed_due('{orders,emails}') q")).toEqual([]);
    expect(await connection.query('select pg_current_xact_id_if_assigned() as xid')).toEqual([{ xid: null }]);
    expect((await runs())?.n).toBe(before?.n);
    await connection.query('rollback');
  });

  test("after central's clock was set back, a time that was reached counts as reached", async () => {
    const half = 1_800_000;
    await send(central, 'emails', { from: 90, waits: [half] });
    await deliver('emails');
    expect(await delivered('emails')).not.toContain(90);
    // What it would have noted when the clock was an hour ahead.
    await central.query(
      `insert into tributary.delayed_run
       select central_queue, n + 1, until_at + interval '1 hour', until_id, snapshot, last_id, 0
       from tributary.delayed_run where central_queue = 'emails' order by n desc limit 1`,
    );
    await send(central, 'emails', { from: 91, waits: [half, 3 * half] });
    expect(await due()).toEqual(['emails']);
    await deliver('emails');
    expect((await delivered('emails')).filter((n) => n >= 90)).toEqual([91]);
    expect(await due()).toEqual([]);
  });

  test('of events with one key the first goes in, the others are counted; the key is free again after its time', async () => {
    const KEY = 'ev_data::int % 3';
    const sendKeyed = (connection: Pick<Connection, 'query'>, from: number, count: number) =>
      connection.query('select tributary.send_delayed($1, $2, $3, $4, $5, $4, $4, $4, $4, $6)', [
        'orders',
        Array(count).fill(null),
        Array(count).fill(0),
        Array(count).fill(null),
        Array.from({ length: count }, (_, at) => String(from + at)),
        KEY,
      ]);
    const run = async (ms: number) =>
      (
        await central.query<{ events: number }>(
          "select events from tributary.deliver_delayed('orders', 1000, $1)",
          [ms],
        )
      )[0]?.events;
    const keyed = async () => (await delivered('orders')).filter((n) => n >= 200_000);
    const late = await central.connect();
    await late.query('begin');
    await sendKeyed(late, 200_000, 1);
    await sendKeyed(central, 200_003, 6);
    expect(await run(3_600_000)).toBe(3);
    expect(await keyed()).toEqual([200_003, 200_004, 200_005]);
    await late.query('commit');
    expect(await due()).toContain('orders');
    // Older, but the key is taken: no event of it goes in.
    expect(await run(3_600_000)).toBe(0);
    const standing = (await delayedStandings(await link(), ['orders'], 10_000)).get('orders');
    expect(standing?.leftOut).toBe(4);
    expect(await central.query('select count(*)::int as n from tributary.unique_left')).toEqual([{ n: 4 }]);
    // The two tables take turns: keys of both count, until their time is over.
    await central.query("select tributary.rotate_unique('0 s')");
    await sendKeyed(central, 200_010, 3);
    expect(await run(3_600_000)).toBe(0);
    await sendKeyed(central, 200_020, 3);
    expect(await run(0)).toBe(3);
    await central.query("select tributary.rotate_unique('0 s')");
    expect(await central.query('select count(*)::int as n from tributary.unique_key')).toEqual([{ n: 3 }]);
    await expect(
      sendKeyed(central, 0, 1).then(() =>
        central.query(
          "select tributary.send_delayed('orders', '{null}', '{0}', '{null}', '{x}', '{null}', '{null}', '{null}', '{null}', $1)",
          [KEY],
        ),
      ),
    ).rejects.toThrow(/integer/);
  });

  test('two that deliver at once take turns', async () => {
    const other = await central.connect();
    await send(central, 'orders', { from: 50_000, waits: [-10] });
    await other.query('begin');
    await other.query('select * from tributary.deliver_delayed($1, 10)', ['orders']);
    expect(await deliver('orders')).toEqual({ events: null, is_more: true });
    await other.query('commit');
    expect((await deliver('orders'))?.events).toBe(0);
    expect((await delivered('orders')).filter((n) => n === 50_000)).toEqual([50_000]);
  });
});
