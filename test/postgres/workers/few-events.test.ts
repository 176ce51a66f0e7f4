// The events of a small batch by planned statements: always those that pgq.get_batch_events gives, and no lock on other tables is kept.
import { expect, test } from 'vitest';
import type { Connection } from '../../../src/postgres/connection.ts';
import { RESET } from '../../../src/workers/child/transaction/session.ts';
import { type Random, randomFrom } from '../../support/random.ts';
import { GROUP, givenWorkerCentral, type WorkerCentral } from '../../support/workers/worker-central.ts';

const QUEUE = 'orders';
const SEEDS = Array.from({ length: 6 }, (_, at) => at + 1);
const STEPS = 60;

interface Table {
  readonly name: string;
  readonly isCurrent: boolean;
}

const tables = (central: WorkerCentral): Promise<Table[]> =>
  central.query<Table & Record<string, unknown>>(
    `select queue_data_pfx || '_' || n as name, n = queue_cur_table as "isCurrent"
       from pgq.queue, generate_series(0, queue_ntables - 1) n where queue_name = $1 order by n`,
    [QUEUE],
  );

async function opened(central: WorkerCentral): Promise<number | undefined> {
  const [row] = await central.query<{ batch_id: number | null }>(
    'select batch_id from tributary.coop_next_batch($1, $2, $3, knows_progress => true)',
    [QUEUE, GROUP, 'm1'],
  );
  return row?.batch_id ?? undefined;
}

/** By few_events and by get_batch_events, in one snapshot. */
async function readBoth(worker: Connection, batch: number): Promise<[unknown[], unknown[]]> {
  await worker.script('begin isolation level repeatable read');
  const few = await worker.query('select * from tributary.few_events($1)', [batch]);
  const all = await worker.query('select * from pgq.get_batch_events($1)', [batch]);
  await worker.script('commit');
  return [few, all];
}

/** Both steps of a rotation, each in a transaction of its own, where the tables may be switched. */
async function rotate(central: WorkerCentral): Promise<void> {
  await central.query(
    "update pgq.queue set queue_switch_time = now() - interval '1 day' where queue_name = $1",
    [QUEUE],
  );
  await central.query('select pgq.maint_rotate_tables_step1($1)', [QUEUE]);
  await central.query('select pgq.maint_rotate_tables_step2()');
}

class History {
  readonly #central: WorkerCentral;
  readonly #random: Random;
  readonly #writers: readonly Connection[];
  readonly #worker: Connection;
  readonly #open = new Set<Connection>();
  #made = 0;
  /** Events that were read, by either. */
  read = 0;

  constructor(
    central: WorkerCentral,
    random: Random,
    { writers, worker }: { writers: readonly Connection[]; worker: Connection },
  ) {
    this.#central = central;
    this.#random = random;
    this.#writers = writers;
    this.#worker = worker;
  }

  async run(): Promise<void> {
    for (let step = 0; step < STEPS; step++) await this.#step();
    for (const writer of this.#open) await writer.script('commit');
    await this.#batches();
  }

  async #step(): Promise<void> {
    const what = this.#random.below(10);
    if (what < 4) return await this.#insert();
    if (what < 6) return await this.#end();
    if (what === 6) return await rotate(this.#central);
    if (what === 7) await this.#worker.script(RESET);
    await this.#batches();
  }

  /** Some transactions stay open over ticks and rotations. */
  async #insert(): Promise<void> {
    const writer = this.#random.pick(this.#writers);
    if (!this.#open.has(writer)) await writer.script('begin');
    this.#open.add(writer);
    const [row] = await writer.query<{ name: string }>('select pgq.current_event_table($1) as name', [QUEUE]);
    this.#made += 1;
    await writer.query(`insert into ${row?.name} (ev_time, ev_type, ev_data) values (now(), 'made', $1)`, [
      String(this.#made),
    ]);
    if (this.#random.below(3) > 0) await this.#commit(writer);
  }

  async #end(): Promise<void> {
    const [writer] = this.#open;
    if (writer !== undefined) await this.#commit(writer);
  }

  async #commit(writer: Connection): Promise<void> {
    await writer.script(this.#random.below(8) === 0 ? 'rollback' : 'commit');
    this.#open.delete(writer);
  }

  async #batches(): Promise<void> {
    await this.#central.tick(QUEUE);
    for (let batch = await opened(this.#central); batch !== undefined; batch = await opened(this.#central)) {
      const [few, all] = await readBoth(this.#worker, batch);
      expect(few).toEqual(all);
      this.read += few.length;
      await this.#central.query('select tributary.coop_finish_batch($1)', [batch]);
    }
  }
}

test.each(SEEDS)(
  'seed %i: few_events gives what get_batch_events gives, over rotations and with transactions that stay open',
  async (seed) => {
    const central = await givenWorkerCentral([QUEUE]);
    const connections = await Promise.all([1, 2, 3, 4].map(() => central.connect()));
    const [worker, ...writers] = connections as [Connection, ...Connection[]];
    const history = new History(central, randomFrom(seed), { writers, worker });
    await history.run();
    expect(history.read).toBeGreaterThan(5);
  },
);

/** A queue whose tables were switched before its newest tick. */
async function givenSettled() {
  const central = await givenWorkerCentral([QUEUE]);
  await central.produce(QUEUE, 3);
  await central.tick(QUEUE);
  const batch = await opened(central);
  await central.query('select tributary.coop_finish_batch($1)', [batch]);
  const worker = await central.connect();
  return { central, worker };
}

const namesOfPrepared = (worker: Connection) =>
  worker.query('select name from pg_prepared_statements where from_sql order by name');

test('statements are prepared once, stay when a session is cleaned, and the transaction that reads keeps no lock on the other tables', async () => {
  const { central, worker } = await givenSettled();
  await central.produce(QUEUE, 2, { from: 4 });
  await central.tick(QUEUE);
  const batch = await opened(central);
  await worker.script('begin');
  expect(await worker.query('select ev_data from tributary.few_events($1)', [batch])).toHaveLength(2);
  const locked = await worker.query<{ name: string }>(
    `select relation::regclass::text as name from pg_locks where pid = pg_backend_pid() and relation::regclass::text like 'pgq.event_%'`,
  );
  const all = await tables(central);
  const others = all.filter(({ isCurrent }) => !isCurrent).map(({ name }) => name);
  expect(
    locked.map(({ name }) => name).filter((name) => others.some((other) => name.startsWith(other))),
  ).toEqual([]);
  await worker.script('commit');
  const prepared = await namesOfPrepared(worker);
  expect(prepared).toHaveLength(2);
  await worker.script(`prepare of_handler as select 1; ${RESET}`);
  expect(await namesOfPrepared(worker)).toEqual(prepared);
});

test('an event that a writer left in another table than the current one is found before anything is read', async () => {
  const { central, worker } = await givenSettled();
  const [other] = (await tables(central)).filter(({ isCurrent }) => !isCurrent);
  await central.query(
    `insert into ${other?.name} (ev_time, ev_type, ev_data) values (now(), 'made', 'overtaken')`,
  );
  await central.produce(QUEUE, 1, { from: 4 });
  await central.tick(QUEUE);
  const batch = await opened(central);
  const [few, all] = await readBoth(worker, batch as number);
  expect(few).toEqual(all);
  const [left] = await worker.query<{ is_left: boolean }>(
    `execute tributary_left_${(await namesOfPrepared(worker))[0]?.name?.toString().replace('tributary_few_', '')}(0, '1:1:', '99999999:99999999:', 0)`,
  );
  expect(Object.values(left ?? {})).toEqual([true]);
});
