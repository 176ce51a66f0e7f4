import { beforeAll, describe, expect, test } from 'vitest';
import {
  readWantedWorkers,
  resetWorkers,
  rollOverWorkers,
  setWorkers,
} from '../../../src/coordination/worker-pool.ts';
import type { Connection } from '../../../src/postgres/connection.ts';
import { givenCentral } from '../../support/server/central-schema.ts';

let central: Connection;

beforeAll(async () => {
  central = await (await givenCentral()).connect();
});

/** As `install` does with the file's number. */
async function install(workers: number): Promise<number | undefined> {
  const sql = "select tributary.worker_pool_sync('orders', $1) as wanted";
  return (await central.query<{ wanted: number }>(sql, [workers]))[0]?.wanted;
}

describe('tributary/worker_pool', () => {
  test('the number in the file counts until `scale` overrides it', async () => {
    expect(await install(4)).toBe(4);
    expect(await setWorkers(central, 'orders', { wanted: 7, by: 'ann' })).toBe(7);
    expect(await readWantedWorkers(central)).toEqual([
      { queue: 'orders', wanted: 7, fileWanted: 4, setBy: 'ann', generation: 0 },
    ]);
  });

  test('the override stays while the file says the same, and goes when it says something else', async () => {
    expect(await install(4)).toBe(7);
    expect(await install(5)).toBe(5);
    expect(await readWantedWorkers(central)).toEqual([
      { queue: 'orders', wanted: 5, fileWanted: 5, setBy: undefined, generation: 0 },
    ]);
  });

  test('a reset returns to the file', async () => {
    await setWorkers(central, 'orders', { wanted: 0, by: 'ann' });
    expect(await resetWorkers(central, 'orders')).toBe(5);
  });

  test('a rolling restart raises its number, and nothing else changes it', async () => {
    expect(await rollOverWorkers(central, 'orders')).toBe(1);
    expect(await rollOverWorkers(central, 'orders')).toBe(2);
    await setWorkers(central, 'orders', { wanted: 3, by: 'ann' });
    expect(await install(6)).toBe(6);
    expect((await readWantedWorkers(central)).map(({ generation }) => generation)).toEqual([2]);
  });

  test('scaling a queue without workers fails with the name of the queue', async () => {
    await expect(setWorkers(central, 'emails', { wanted: 1, by: 'ann' })).rejects.toThrow(
      'Queue emails has no workers: give it `workers:` in the file and run `tributary install`.',
    );
    await expect(resetWorkers(central, 'emails')).rejects.toThrow('Queue emails has no workers');
  });

  test('a change notifies the hosts that listen', async () => {
    const heard = new Promise<string | undefined>((resolve) =>
      central.client.once('notification', ({ payload }) => resolve(payload)),
    );
    await central.query('listen tributary_workers');
    await setWorkers(central, 'orders', { wanted: 2, by: 'ann' });
    expect(await heard).toBe('orders');
  });
});
