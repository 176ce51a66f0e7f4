import { describe, expect, test } from 'vitest';
import { type CommitContent, commitGathered, isPositionMoved } from '../../../src/central/commit/commit.ts';
import { readSources } from '../../../src/central/positions.ts';
import {
  contentFor,
  eventsIn,
  givenSource,
  OPTIONS,
  positionsIn,
  row,
} from '../../support/mover/committing.ts';
import { until } from '../../support/until.ts';

describe('central/commit/commit', () => {
  test('events and positions come together, with the transaction that a tick has to cover', async () => {
    const { central, connection, source } = await givenSource();
    const committed = await commitGathered(connection, contentFor(source, [row('a'), row('b')], 2), OPTIONS);
    expect(await eventsIn(central)).toEqual(['a', 'b']);
    expect(await positionsIn(central)).toEqual([1, 2]);
    const [stored] = await central.query<{ txid: number }>('select max(ev_txid) as txid from pgq.event_1');
    expect(stored?.txid).toBe(committed?.xid);
    const [moved] = await readSources(connection, ['s1']);
    expect(moved).toMatchObject({ n: 2, moved: 2 });
  });

  test('a tick comes with the commit, unless one was made just before; one that fails is no failure of the commit', async () => {
    const { central, connection, source } = await givenSource();
    await central.query(`update pgq.tick set tick_time = tick_time - interval '1 minute'`);
    const first = await commitGathered(connection, contentFor(source, [row('a')]), OPTIONS);
    expect(first?.isCovered).toBe(true);
    const covered = await central.query<{ covered: boolean }>(
      'select txid_visible_in_snapshot($1, tick_snapshot) as covered from pgq.tick order by tick_id desc limit 1',
      [first?.xid],
    );
    expect(covered).toEqual([{ covered: true }]);
    await central.query(`update pgq.tick set tick_time = now() + interval '1 minute'`);
    const [next] = await readSources(connection, ['s1']);
    const soon = await commitGathered(connection, contentFor(next as typeof source, [row('b')]), OPTIONS);
    expect(soon?.isCovered).toBe(false);
    await central.query(`update pgq.tick set tick_time = now() - interval '1 minute'`);
    await central.query('alter table pgq.tick add constraint no_more check (tick_id < 0) not valid');
    const [last] = await readSources(connection, ['s1']);
    const untickable = await commitGathered(
      connection,
      contentFor(last as typeof source, [row('c')]),
      OPTIONS,
    );
    expect(untickable?.isCovered).toBe(false);
    expect(await eventsIn(central)).toEqual(['a', 'b', 'c']);
  });

  test('a window without events moves the position alone, and needs no tick', async () => {
    const { central, connection, source } = await givenSource();
    expect(await commitGathered(connection, contentFor(source, [], 0), OPTIONS)).toBeUndefined();
    expect(await positionsIn(central)).toEqual([1, 2]);
  });

  test('of two movers that commit the same window one waits, finds that the other was faster, and stores nothing', async () => {
    const { central, connection, source } = await givenSource();
    const other = await central.connect();
    const [step] = contentFor(source, []).steps as [CommitContent['steps'][number]];
    // The other one has inserted its position and not committed yet.
    await other.script(`begin;
      insert into tributary.position_0 (source, n, tick_id, tick_time_us, tick_event_seq, tick_snapshot_md5, moved)
      values (${source.id}, ${step.n}, 99, 1, 1, 'x', 1)`);
    const late = commitGathered(connection, contentFor(source, [row('late')]), OPTIONS).catch(
      (error: unknown) => error,
    );
    const isWaiting = `select 1 from pg_stat_activity where wait_event_type = 'Lock' and pid = ${connection.backendPid}`;
    await until(async () => (await central.query(isWaiting)).length === 1, { what: 'the later one to wait' });
    await other.script('commit');
    expect(isPositionMoved(await late)).toBe(true);
    expect(await eventsIn(central)).toEqual([]);
    expect(await positionsIn(central)).toEqual([1, 2]);
  });

  test('where the mover that is first dies, the one that waits for it goes on', async () => {
    const { central, connection, source } = await givenSource();
    const other = await central.connect();
    await other.script(`begin;
      insert into tributary.position_0 (source, n, tick_id, tick_time_us, tick_event_seq, tick_snapshot_md5, moved)
      values (${source.id}, 2, 99, 1, 1, 'x', 1)`);
    const mine = commitGathered(connection, contentFor(source, [row('mine')]), OPTIONS);
    const isWaiting = `select 1 from pg_stat_activity where wait_event_type = 'Lock' and pid = ${connection.backendPid}`;
    await until(async () => (await central.query(isWaiting)).length === 1, { what: 'the second to wait' });
    other.destroy();
    await mine;
    expect(await eventsIn(central)).toEqual(['mine']);
  });

  test('a position that is not where the mover left it rolls the events back, and the connection goes on', async () => {
    const { central, connection, source } = await givenSource();
    const behind = { ...source, n: source.n + 5 };
    const error = await commitGathered(connection, contentFor(behind, [row('x')]), OPTIONS).catch((e) => e);
    expect(isPositionMoved(error)).toBe(true);
    await commitGathered(connection, contentFor(source, [row('y')]), OPTIONS);
    expect(await eventsIn(central)).toEqual(['y']);
  });

  test('a COPY that central refuses fails at once, and the connection goes on', async () => {
    const { central, connection, source } = await givenSource();
    await central.query('alter table pgq.event_template rename column ev_extra4 to other');
    const refused = commitGathered(connection, contentFor(source, [row('x')]), OPTIONS);
    await expect(refused).rejects.toMatchObject({ code: '42703' });
    await central.query('alter table pgq.event_template rename column other to ev_extra4');
    await commitGathered(connection, contentFor(source, [row('y')]), OPTIONS);
    expect(await eventsIn(central)).toEqual(['y']);
  });

  test('a connection that ends before the COPY has begun ends the commit', async () => {
    const { central, connection, source } = await givenSource();
    const locker = await central.connect();
    await locker.script(
      'begin; lock table pgq.event_1_0, pgq.event_1_1, pgq.event_1_2 in access exclusive mode',
    );
    const cut = commitGathered(connection, contentFor(source, [row('x')]), OPTIONS).catch((error) => error);
    const isWaiting = `select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like 'copy %' and pid = ${connection.backendPid}`;
    await until(async () => (await central.query(isWaiting)).length === 1, { what: 'the COPY to wait' });
    await central.query('select pg_terminate_backend($1)', [connection.backendPid]);
    expect(await cut).toBeInstanceOf(Error);
    await locker.script('rollback');
    expect(await positionsIn(central)).toEqual([1]);
  });

  test('of rows that break off nothing is stored, and the connection goes on', async () => {
    const { central, connection, source } = await givenSource();
    async function* broken() {
      yield row('first');
      throw new Error('the shard broke off');
    }
    const content = contentFor(source, broken());
    await expect(commitGathered(connection, content, OPTIONS)).rejects.toThrow('the shard broke off');
    expect(await eventsIn(central)).toEqual([]);
    await commitGathered(connection, contentFor(source, [row('y')]), OPTIONS);
    expect(await eventsIn(central)).toEqual(['y']);
  });
});
