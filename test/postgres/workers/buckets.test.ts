// Which bucket a key has: the same as ever, however it is computed, since what waits was sorted by it.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
import { GROUP, givenWorkerCentral } from '../../support/workers/worker-central.ts';

/** As it was computed first. */
const FIRST = `create or replace function tributary.bucket_of(x_key text, x_id bigint)
  returns integer language sql immutable parallel safe as $$
    select case when x_key is null then (x_id & 63)::integer
        else ('x' || pg_catalog.left(pg_catalog.md5(x_key), 2))::bit(8)::integer & 63 end $$`;

test('a key keeps its bucket, and sessions that run while the function changes find events by the index', async () => {
  const central = await givenWorkerCentral();
  const buckets = async () =>
    await central.query(
      `select tributary.bucket_of(nullif('key ' || n, 'key 7') || chr(200 + n), n) as bucket from generate_series(1, 2000) n`,
    );
  await central.query(FIRST);
  const first = await buckets();
  expect(new Set(first.map(({ bucket }) => bucket)).size).toBe(64);
  await central.query('select tributary.lanes_set($1, $2, $3, $4)', ['orders', GROUP, 'ev_extra1', 4]);
  const session = await central.connect();
  await session.query('set enable_seqscan = off');
  const plan = async () =>
    JSON.stringify(
      await session.query(
        "explain select from pgq.event_1_0 where tributary.bucket_of((ev_extra1)::text, ev_id) = any ('{1,2}')",
      ),
    );
  expect(await plan()).toContain('_lanes_');

  const changer = await central.connect();
  await changer.script(
    `begin; ${readFileSync(packagePath('sql', 'migrations', '0062_bucket_of.sql'), 'utf8')}; commit`,
  );
  expect(await plan()).toContain('_lanes_');
  expect(await buckets()).toEqual(first);
});
