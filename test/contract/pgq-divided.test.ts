// What gathers while nobody ticks is divided into batches of a bearable size.
import { expect, test } from 'vitest';
import { givenDatabase, provider } from '../support/server/database.ts';
import { until } from '../support/until.ts';
import { consume, givenQueue, scalar, tick } from './pgq.ts';

const EACH = 15_000;
const COUNT = 12;

/** Events of one transaction: `EACH` of them, called by its number. */
const WRITE = `select pgq.insert_events('q', array_fill($1::text, array[${EACH}]), null)`;

test.runIf(provider() === 'engine')(
  'events of a time without ticks come in several batches, each once, in the order of commits',
  async () => {
    const db = await givenDatabase();
    await givenQueue(db, 'q', { consumers: ['c'] });
    const late = await db.connect();
    await late.query('begin');
    await late.query(`select pgq.insert_event('q', 'late', 'late')`);
    await tick(db, 'q');
    for (let n = 0; n < COUNT; n += 1) await db.query(WRITE, [String(n)]);
    await late.query('commit');
    const open = await db.connect();
    await open.query('begin');
    await open.query(`select pgq.insert_event('q', 'open', 'open')`);
    await db.query(WRITE, ['behind']);
    // Transactions of other databases count for a tick as well: one that another test has open just now would keep it from dividing.
    const oldest = () => scalar<number>(db, 'select txid_snapshot_xmin(txid_current_snapshot())');
    const opened = Number(await scalar(open, 'select txid_current()'));
    await until(async () => Number(await oldest()) >= opened, {
      what: 'older transactions to end',
      timeoutMs: 50_000,
    });
    await tick(db, 'q');
    await open.query('commit');
    await tick(db, 'q');

    const [types, sizes]: [string[], number[]] = [[], []];
    for (;;) {
      const batch = await scalar<number | null>(db, `select pgq.next_batch('q', 'c')`);
      if (batch === null) break;
      const rows = await db.query<{ ev_type: string; n: number }>(
        'select ev_type, count(*)::int as n from pgq.get_batch_events($1) group by 1 order by min(ev_id)',
        [batch],
      );
      sizes.push(rows.reduce((sum, { n }) => sum + n, 0));
      for (const { ev_type, n } of rows) types.push(`${ev_type} ${n}`);
      await db.query('select pgq.finish_batch($1)', [batch]);
    }
    const bulk = [...Array.from({ length: COUNT }, (_, n) => String(n)), 'behind'].map(
      (type) => `${type} ${EACH}`,
    );
    expect(types.toSorted()).toEqual([...bulk, 'late 1', 'open 1'].toSorted());
    expect(types.filter((type) => bulk.includes(type))).toEqual(bulk);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(50_000 + EACH + 1);
    expect(await consume(db, 'q', 'c')).toBeNull();
    // Snapshots of ticks only grow.
    expect(
      await scalar(
        db,
        `select bool_and(ok) from (select txid_snapshot_xmin(tick_snapshot) >= lag(txid_snapshot_xmin(tick_snapshot)) over w
           and txid_snapshot_xmax(tick_snapshot) >= lag(txid_snapshot_xmax(tick_snapshot)) over w as ok
           from pgq.tick window w as (order by tick_id)) o`,
      ),
    ).toBe(true);
  },
);
