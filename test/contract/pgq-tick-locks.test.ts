// Who has no right cannot stop ticks, nor anything else of ours that has to take turns, with locks of its own.
import { beforeAll, describe, expect, test } from 'vitest';
import type { Connection } from '../../src/postgres/connection.ts';
import { identifier } from '../../src/postgres/quote.ts';
import { filesIn } from '../support/pages/source-tree.ts';
import { givenDatabase, provider, type TestDatabase } from '../support/server/database.ts';
import { givenQueue, insert, scalar, tick } from './pgq.ts';

let db: TestDatabase;
let stranger: Connection;

beforeAll(async () => {
  db = await givenDatabase();
  stranger = await db.connect();
  const role = `stranger_${db.name}`;
  await db.query(`create role ${identifier(role)}`);
  await stranger.query(`set session authorization ${identifier(role)}`);
});

describe('contract/pgq tick locks', () => {
  test('no code of ours waits for an advisory lock, or leaves something out because of one', () => {
    const calls = ['sql', 'src']
      .flatMap((folder) => [...filesIn(folder, '.sql'), ...filesIn(folder, '.ts')])
      .flatMap(({ path, text }) =>
        text
          .split('\n')
          .filter((line) => /pg_(?!advisory_unlock)\w*advisory\w*lock/.test(line))
          .map((line) => `${path}: ${line.trim()}`),
      );
    // A tie of a backend to what it works on is only tried, and whoever holds it up changes nothing.
    expect(
      calls.filter((call) => !/: (?:perform|select) pg_try_advisory_xact_lock_shared\(/.test(call)),
    ).toEqual([]);
  });

  test('a role without rights can lock neither the row of a queue nor a table that keeps tickers apart', async () => {
    await givenQueue(db, 'q');
    for (const lock of [
      'select from pgq.queue for no key update',
      'select from pgq.queue for key share',
      'lock table pgq.queue in row exclusive mode',
      'lock table only pgq.event_template in share update exclusive mode',
    ]) {
      await expect(stranger.query(`begin; ${lock}`)).rejects.toThrow('permission denied');
      await stranger.query('rollback');
    }
    await stranger.query(
      'select pg_advisory_lock(k, queue_id) from pgq.queue, unnest(array[20240917, 1414678850]) k',
    );
    await insert(db, 'q', 'x');
    expect(await tick(db, 'q')).not.toBeNull();
    await insert(db, 'q', 'y');
    expect(await scalar(db, 'select pgq.ticker()')).toBe(1);
  });

  test.runIf(provider() === 'engine')(
    'a rotation or a drop under way is waited for, another ticker is not',
    async () => {
      await givenQueue(db, 'busy');
      const holder = await db.connect();
      await holder.script("begin; select pgq.ticker('busy')");
      expect(await tick(db, 'busy')).toBeNull();
      await holder.query('rollback');
      await holder.script("begin; select from pgq.queue where queue_name = 'busy' for update");
      const waiting = tick(db, 'busy');
      expect(await scalar(stranger, 'select pg_sleep(0.2)')).toBe('');
      await holder.query('rollback');
      expect(await waiting).not.toBeNull();
    },
  );
});
