// Rotation with a short period on shards and central while a real mover moves: what was committed is written down by the writers,
// what arrived by a plain PgQ consumer of central, for the tables keep nothing.
import { describe, expect, test } from 'vitest';
import type { Connection } from '../../../src/postgres/connection.ts';
import { givenForwarding, SOURCE_QUEUES } from '../../support/mover/forwarding.ts';
import { followPositions, rotate, writeWhile } from '../../support/mover/rotation.ts';
import { randomFrom } from '../../support/random.ts';
import { until } from '../../support/until.ts';

const random = randomFrom(Number(process.env.TRIBUTARY_SEED ?? Math.floor(Math.random() * 2 ** 31)));
process.stdout.write(`TRIBUTARY_SEED=${random.seed}\n`);
const ROUNDS = 3;

/** All that a plain consumer gets, batch by batch. */
async function consume(central: Connection, queue: string): Promise<string[]> {
  const origins: string[] = [];
  for (;;) {
    const [row] = await central.query<{ batch: number | null }>('select pgq.next_batch($1, $2) as batch', [
      queue,
      'auditor',
    ]);
    if (row === undefined || row.batch === null) return origins;
    const events = await central.query<{ origin: string }>(
      'select ev_extra4 as origin from pgq.get_batch_events($1)',
      [row.batch],
    );
    origins.push(...events.map(({ origin }) => origin));
    await central.query('select pgq.finish_batch($1)', [row.batch]);
  }
}

describe('mover', () => {
  test('tables that rotate all the time on both sides lose and repeat nothing, also when the mover is killed', {
    timeout: 400_000,
  }, async () => {
    const forwarding = await givenForwarding({ shards: 2 });
    const central = await forwarding.central.connect();
    const shards = await Promise.all(forwarding.shards.map((shard) => shard.connect()));
    const centralQueues = forwarding.config.queues.map(({ name }) => name);
    for (const queue of centralQueues)
      await central.query('select pgq.register_consumer($1, $2)', [queue, 'auditor']);
    for (const connection of [central, ...shards])
      await connection.query(`update pgq.queue set queue_rotation_period = '100 milliseconds'`);
    const stopped = new AbortController();
    const writing = forwarding.shards.map((shard, at) =>
      writeWhile(shard, {
        ...{ name: `s${at + 1}`, queues: SOURCE_QUEUES, random, signal: stopped.signal },
        arrived: () => arrivedOf[at] ?? 0,
      }),
    );
    const arrived: string[] = [];
    /** By shard. */
    const arrivedOf = forwarding.shards.map(() => 0);
    const take = (origins: readonly string[]) => {
      arrived.push(...origins);
      for (const [at, before] of arrivedOf.entries())
        arrivedOf[at] = before + origins.filter((origin) => origin.startsWith(`s${at + 1}:`)).length;
    };
    const rotations = { shards: 0, central: 0 };
    const turn = async () => {
      for (const queue of centralQueues) take(await consume(central, queue));
      await followPositions(forwarding, shards);
      for (const connection of shards) rotations.shards += await rotate(connection, SOURCE_QUEUES);
      rotations.central += await rotate(central, centralQueues);
    };
    let mover = forwarding.startMover();
    for (let round = 1; round <= ROUNDS; round += 1) {
      const isTurned = async () => {
        await turn();
        return rotations.shards >= round * 12 && rotations.central >= round * 4;
      };
      await until(isTurned, { what: 'tables to come round', timeoutMs: 150_000 });
      mover.kill('SIGKILL');
      mover = forwarding.startMover();
    }
    stopped.abort();
    const committed = (await Promise.all(writing)).flat();
    const isComplete = async () => {
      await turn();
      return arrived.length >= committed.length;
    };
    await until(isComplete, { what: `${committed.length} events in central`, timeoutMs: 150_000 });
    expect(arrived.toSorted()).toEqual(committed.toSorted());
    const halted = `select shard, queue, halt_reason from tributary.source where state = 'halted'`;
    expect(await central.query(halted)).toEqual([]);
    mover.kill('SIGTERM');
    expect((await mover.exit).code).toBe(0);
  });
});
