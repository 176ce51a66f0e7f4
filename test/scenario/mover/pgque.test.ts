// Shards with PgQue, whose columns are of other types than PgQ's: from their tables to the handlers of central, through kills,
// rotations, late commits and a restore.
import { describe, expect, test } from 'vitest';
import { type Forwarding, type ForwardingOptions, givenForwarding } from '../../support/mover/forwarding.ts';
import { followPositions, rotate, writeWhile } from '../../support/mover/rotation.ts';
import { startTributary, type TestProcess } from '../../support/processes/process.ts';
import { run } from '../../support/processes/run-cli.ts';
import { randomFrom } from '../../support/random.ts';
import { givenDatabase, type TestDatabase } from '../../support/server/database.ts';
import { givenPgque } from '../../support/server/pgque.ts';
import { givenBackup } from '../../support/server/restore.ts';
import { until } from '../../support/until.ts';

const random = randomFrom(Number(process.env.TRIBUTARY_SEED ?? Math.floor(Math.random() * 2 ** 31)));
process.stdout.write(`TRIBUTARY_SEED=${random.seed}\n`);
const ROUNDS = 2;
const HANDLER = `
export default {
  async event(event, { client }) {
    await client.query('insert into handled (origin) values ($1)', [String(event.origin)]);
  },
};`;

async function givenPgques(options: Pick<ForwardingOptions, 'queues' | 'others'> = {}): Promise<Forwarding> {
  const shards = [await givenPgque(), await givenPgque()];
  return await givenForwarding({ ...options, cluster: { central: await givenDatabase(), shards } });
}

async function insert(shard: TestDatabase, queue: string, events: number): Promise<void> {
  await shard.query(`select pgque.insert_event($1, 'test', n::text) from generate_series(1, $2::int) n`, [
    queue,
    events,
  ]);
}

async function end(process: TestProcess): Promise<void> {
  process.kill('SIGTERM');
  expect((await process.exit).code).toBe(0);
}

describe('shards with PgQue', () => {
  test('every committed event is handled once, while tables rotate, writers are late and the mover is killed', {
    timeout: 400_000,
  }, async () => {
    const forwarding = await givenPgques({
      queues: '  orders: { workers: 2, create: true, handler: ./write.mjs }',
      others: { 'write.mjs': HANDLER },
    });
    await forwarding.central.query('create table handled (origin text)');
    const shards = await Promise.all(forwarding.shards.map((shard) => shard.connect()));
    for (const connection of shards)
      await connection.query(`update pgque.queue set queue_rotation_period = '100 milliseconds'`);
    const workers = startTributary(['-c', forwarding.file, 'work', '--host', 'h1']);
    const stopped = new AbortController();
    const writing = forwarding.shards.map((shard, at) =>
      writeWhile(shard, { name: `s${at + 1}`, queues: ['orders'], random, signal: stopped.signal }),
    );
    let rotations = 0;
    const turn = async () => {
      await followPositions(forwarding, shards);
      for (const connection of shards) rotations += await rotate(connection, ['orders'], 'pgque');
    };
    let mover = forwarding.startMover();
    for (let round = 1; round <= ROUNDS; round += 1) {
      const isTurned = async () => {
        await turn();
        return rotations >= round * 6;
      };
      await until(isTurned, { what: 'tables to come round', timeoutMs: 150_000 });
      mover.kill('SIGKILL');
      mover = forwarding.startMover();
    }
    stopped.abort();
    const committed = (await Promise.all(writing)).flat();
    const handled = () => forwarding.central.query<{ origin: string }>('select origin from handled');
    await until(async () => (await handled()).length >= committed.length, {
      what: `${committed.length} events to be handled`,
      timeoutMs: 150_000,
    });
    expect((await handled()).map(({ origin }) => origin).toSorted()).toEqual(committed.toSorted());
    // The one before it may have moved everything; a process that is not up yet is ended by the signal.
    await mover.waitForLine(/moving 2 shards/);
    await end(mover);
    await end(workers);
  });

  test('a shard that was restored halts, is shown by lag, and goes on after a repair; its neighbour never stops', async () => {
    const forwarding = await givenPgques();
    const [one, two] = forwarding.shards as [TestDatabase, TestDatabase];
    const untilMoved = (events: number) =>
      until(async () => (await forwarding.moved()) >= events, { what: `${events} moved events` });
    const tributary = (...args: string[]) => run(['-c', forwarding.file, ...args]);
    let mover = forwarding.startMover();
    for (const shard of [one, two]) await insert(shard, 'orders', 5);
    await insert(one, 'email_out', 500);
    await forwarding.untilProven();
    await end(mover);
    const backup = await givenBackup(one);
    mover = forwarding.startMover();
    await insert(one, 'orders', 3);
    await untilMoved(513);
    await end(mover);
    await backup.restore();
    await insert(one, 'orders', 2);

    mover = forwarding.startMover();
    const halted = async () => (await tributary('lag', '--live', '--by', 'source')).stdout;
    await until(async () => /s1:orders +halted/.test(await halted()), { what: 's1:orders to be halted' });
    await insert(two, 'orders', 4);
    await untilMoved(517);
    const { stdout } = await tributary('repair', 's1:orders', '--dry-run');
    expect(stdout).toMatch(/--rewind +\S+ +2 /);
    expect((await tributary('repair', 's1:orders', '--rewind')).code).toBe(0);
    await insert(one, 'orders', 1);
    await untilMoved(520);
    // What the shard lost with the restore is all that central has and the shard has not.
    expect((await forwarding.proof()).lost).toEqual([]);
    await end(mover);
  });
});
