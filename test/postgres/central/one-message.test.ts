import { describe, expect, test } from 'vitest';
import { commitGathered, isPositionMoved } from '../../../src/central/commit/commit.ts';
import { readSources, type StoredSource } from '../../../src/central/positions.ts';
import { Connection } from '../../../src/postgres/connection.ts';
import {
  contentFor,
  eventsIn,
  givenSource,
  OPTIONS,
  positionsIn,
  row,
} from '../../support/mover/committing.ts';
import { rotate } from '../../support/mover/rotation.ts';
import { givenProxy } from '../../support/network/proxy.ts';
import type { TestDatabase } from '../../support/server/database.ts';

/** What the connection was asked last, as the server has it. */
async function lastAsked(central: TestDatabase, connection: Connection): Promise<string> {
  const [row] = await central.query<{ query: string }>('select query from pg_stat_activity where pid = $1', [
    connection.backendPid,
  ]);
  return row?.query ?? '';
}

async function reloaded(connection: Connection): Promise<StoredSource> {
  const [source] = await readSources(connection, ['s1']);
  return source as StoredSource;
}

describe('central/commit/one-message', () => {
  test('after its first commit a connection sends each in one message, rows included', async () => {
    const { central, connection, source } = await givenSource();
    await commitGathered(connection, contentFor(source, [row('a')]), OPTIONS);
    await central.query(`update pgq.tick set tick_time = tick_time - interval '1 minute'`);
    const next = contentFor(await reloaded(connection), [row('b'), row('c')], 2);
    const committed = await commitGathered(connection, next, OPTIONS);
    expect(await lastAsked(central, connection)).toContain('begin_commit');
    expect(await eventsIn(central)).toEqual(['a', 'b', 'c']);
    expect(await positionsIn(central)).toEqual([1, 2, 3]);
    const [stored] = await central.query<{ txid: number; sees: boolean }>(
      `select e.ev_txid as txid, txid_visible_in_snapshot(e.ev_txid, t.tick_snapshot) as sees
       from pgq.event_1 e, (select tick_snapshot from pgq.tick order by tick_id desc limit 1) t where e.ev_data = 'c'`,
    );
    expect(stored).toEqual({ txid: committed?.xid, sees: true });
    expect(committed?.isCovered).toBe(true);
  });

  test('events go to the table that a rotation has made the current one meanwhile', async () => {
    const { central, connection, source } = await givenSource();
    await commitGathered(connection, contentFor(source, [row('a')]), OPTIONS);
    await central.query(`update pgq.queue set queue_rotation_period = '1 microsecond'`);
    const other = await central.connect();
    expect(await rotate(other, ['orders'])).toBe(1);
    await commitGathered(connection, contentFor(await reloaded(connection), [row('b')]), OPTIONS);
    await commitGathered(connection, contentFor(await reloaded(connection), [row('c')]), OPTIONS);
    expect(await lastAsked(central, connection)).toContain('begin_commit');
    const tables = await central.query(
      'select tableoid::regclass::text as name, ev_data as data from pgq.event_1',
    );
    expect(tables).toEqual([
      { name: 'pgq.event_1_0', data: 'a' },
      { name: 'pgq.event_1_1', data: 'b' },
      { name: 'pgq.event_1_1', data: 'c' },
    ]);
    expect(await positionsIn(central)).toEqual([1, 2, 3, 4]);
  });

  test('rows for several queues go in one message with one position; each is ticked, and where one refuses none is stored', async () => {
    const { central, connection, source } = await givenSource();
    await central.query("select pgq.create_queue('urgent')");
    const both = (stored: StoredSource, data: string) => ({
      ...contentFor(stored, [row(data)], 2),
      beside: [{ queue: 'urgent', chunks: [row(data)] }],
    });
    const urgent = async () =>
      (await central.query<{ data: string }>('select ev_data as data from pgq.event_2 order by ev_id')).map(
        ({ data }) => data,
      );
    await commitGathered(connection, both(source, 'a'), OPTIONS);
    await central.query(`update pgq.tick set tick_time = tick_time - interval '1 minute'`);
    const committed = await commitGathered(connection, both(await reloaded(connection), 'b'), OPTIONS);
    expect(await lastAsked(central, connection)).toContain("begin_commit('urgent'");
    expect(committed).toMatchObject({ queues: ['orders', 'urgent'], isCovered: true });
    await central.query(`alter table pgq.event_2 add constraint no_bad check (ev_data <> 'bad')`);
    const refused = commitGathered(connection, both(await reloaded(connection), 'bad'), OPTIONS);
    expect(await refused.catch((error: unknown) => error)).toMatchObject({ code: '23514' });
    await commitGathered(connection, both(await reloaded(connection), 'c'), OPTIONS);
    expect([await eventsIn(central), await urgent()]).toEqual([
      ['a', 'b', 'c'],
      ['a', 'b', 'c'],
    ]);
    expect(await positionsIn(central)).toEqual([1, 2, 3, 4]);
  });

  test('what central refuses, before the rows, among them or behind them, leaves nothing, and the connection goes on', async () => {
    const { central, connection, source } = await givenSource();
    await commitGathered(connection, contentFor(source, [row('a')]), OPTIONS);
    const next = await reloaded(connection);
    const failing = (content: Parameters<typeof commitGathered>[1], options = OPTIONS) =>
      commitGathered(connection, content, options).catch((error: unknown) => error);
    expect(
      await failing(contentFor(next, [row('b')]), { ...OPTIONS, holdSql: 'select 1 / 0' }),
    ).toMatchObject({
      code: '22012',
    });
    await central.query(
      `alter table pgq.event_template add constraint no_bad check (ev_data <> 'bad') not valid`,
    );
    expect(await failing(contentFor(next, [row('b'), row('bad')], 2))).toMatchObject({ code: '23514' });
    expect(isPositionMoved(await failing(contentFor({ ...next, n: next.n + 5 }, [row('b')])))).toBe(true);
    expect(await eventsIn(central)).toEqual(['a']);
    await commitGathered(connection, contentFor(next, [row('b')]), OPTIONS);
    expect(await eventsIn(central)).toEqual(['a', 'b']);
  });

  test('of a message that breaks off at any point nothing is stored', async () => {
    const { central, connection, source } = await givenSource();
    const proxy = await givenProxy(central.database);
    const open = () =>
      Connection.open({ ...central.database, port: proxy.port }, { applicationName: 'tributary test' });
    let through = await open();
    await commitGathered(through, contentFor(source, [row('first')]), OPTIONS);
    const before = proxy.passed.fromClient;
    const rows = [row('x'), row('y'.repeat(100))];
    await commitGathered(through, contentFor(await reloaded(connection), rows, 2), OPTIONS);
    const bytes = proxy.passed.fromClient - before;
    // In the text, at its end, in the rows, and where only the end of the rows is missing.
    for (const part of [1, bytes >> 1, bytes - 200, bytes - 60, bytes - 4]) {
      const stored = (await eventsIn(central)).length;
      proxy.cutAfter(part, 'client');
      const cut = commitGathered(through, contentFor(await reloaded(connection), rows, 2), OPTIONS);
      await expect(cut, `after ${part} of ${bytes} bytes`).rejects.toThrow();
      through = await open();
      // Waits for whatever the other one may have left.
      await commitGathered(through, contentFor(await reloaded(connection), [row('z')]), OPTIONS);
      expect((await eventsIn(central)).length, `after ${part} of ${bytes} bytes`).toBe(stored + 1);
    }
  });
});
