// engine: each operation of the bundled engine against the extension in C, in two databases of one PostgreSQL 15.
import { applyEngine } from '../../dist/install/install-engine.js';
import { Connection } from '../../dist/postgres/connection.js';
import { startDebian } from './debian-server.ts';
import { percentile, report } from './report.ts';
import { backendCpuUs } from './server-cpu.ts';

const PROVIDERS = ['engine', 'extension'] as const;
type Provider = (typeof PROVIDERS)[number];

/** Times in µs of one call (or event) in one round. The best round counts, because other programs share the machine. */
type Operation = (connection: Connection, provider: Provider) => Promise<Readonly<Record<string, number>>>;

/** Options of change triggers, by what the report calls them. */
type Options = Readonly<Record<string, readonly string[]>>;

export const TRIGGER_OPTIONS: Options = {
  '': [],
  ' with ignore=': ['ignore=note'],
  ' with backup': ['backup'],
  ' with both': ['ignore=note', 'backup'],
  ' with pkey=': ['pkey=id'],
  ' with a text as ev_type=': ["ev_type='T'"],
  ' with a column as ev_extra1=': ['ev_extra1=name'],
  ' with an expression as ev_extra1=': ['ev_extra1=upper(name)'],
  ' with when=': ['when=price > 0'],
  ' with WHEN': [],
};

/** A condition of the trigger itself, of the options that say so. */
const CONDITIONS: Readonly<Record<string, string>> = { ' with WHEN': 'when (new.price > 0)' };

const EVENT = `'order.placed', rpad('', 110, 'x')`;

/** All operations; or of the change triggers alone, with the options that they can have. */
export async function engine(
  name: string,
  { rounds = 15, calls = 1_000, options = {} as Options } = {},
): Promise<void> {
  const server = await startDebian({
    settings: { shared_buffers: '256MB', max_wal_size: '4GB', autovacuum: 'off' },
    durable: false,
  });
  const open = (database: string) =>
    Connection.open(
      { ...server, database, tls: { mode: 'off' }, displayUrl: database, ticker: 'never' },
      { applicationName: 'bench' },
    );
  const operations: readonly Operation[] =
    Object.keys(options).length > 0
      ? [(connection) => changes(connection, { rows: calls, options })]
      : [
          (connection) => inserts(connection, calls),
          (connection, provider) => bulk(connection, { events: 10 * calls, provider }),
          (connection) => changes(connection, { rows: calls, options: { '': [] } }),
          (connection) => batches(connection, calls / 5),
        ];
  try {
    const admin = await open('postgres');
    const connections = new Map<Provider, Connection>();
    for (const provider of PROVIDERS) {
      await admin.query(`create database ${provider}`);
      const connection = await open(provider);
      connections.set(provider, connection);
      if (provider === 'extension') await connection.query('create extension pgq');
      else await applyEngine(connection);
      await connection.script(
        `select pgq.create_queue('orders'); select pgq.register_consumer('orders', 'reader')`,
      );
    }
    const seen = new Map<string, number[]>();
    for (let round = 0; round < rounds; round++) {
      for (const operation of operations) {
        // In turns, so that what else happens on the machine falls on both.
        for (const provider of round % 2 === 0 ? PROVIDERS : PROVIDERS.toReversed()) {
          const times = await operation(connections.get(provider) as Connection, provider);
          for (const [what, us] of Object.entries(times)) {
            const key = `${what}|${provider}`;
            seen.set(key, [...(seen.get(key) ?? []), us]);
          }
        }
      }
    }
    const figures: Record<string, string | number> = { rounds };
    const best = (what: string, provider: Provider) => percentile(seen.get(`${what}|${provider}`) ?? [], 0);
    for (const what of new Set([...seen.keys()].map((key) => key.split('|')[0] as string))) {
      for (const provider of PROVIDERS) figures[`${what}, ${provider}, µs`] = best(what, provider);
      figures[`${what}, ratio`] = best(what, 'engine') / best(what, 'extension');
    }
    if (seen.has(`${BULK}|engine`))
      figures['bulk insert by the engine / one by one by the extension'] =
        best(BULK, 'engine') / best(BULK, 'extension');
    report(name, figures);
    await Promise.all([admin, ...connections.values()].map((connection) => connection.close()));
  } finally {
    await server.stop();
  }
}

const BULK = 'bulk insert';

async function timed(run: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await run();
  return (performance.now() - began) * 1000;
}

/** As producers call it, a statement and a transaction each; and all calls in one loop, without network and commits. */
async function inserts(connection: Connection, calls: number) {
  const alone = await timed(async () => {
    for (let n = 0; n < calls; n++)
      await connection.query('select pgq.insert_event($1, $2, $3)', [
        'orders',
        'order.placed',
        'x'.repeat(110),
      ]);
  });
  const inside = await timed(() =>
    connection.script(
      `do $$ begin for n in 1..${calls} loop perform pgq.insert_event('orders', ${EVENT}); end loop; end $$`,
    ),
  );
  return { 'insert, a transaction each': alone / calls, 'insert, many in one': inside / calls };
}

/** The extension can insert only one by one. */
async function bulk(connection: Connection, { events, provider }: { events: number; provider: Provider }) {
  const text =
    provider === 'extension'
      ? `select pgq.insert_event('orders', ${EVENT}) from generate_series(1, ${events})`
      : `select pgq.insert_events('orders', array_fill('order.placed'::text, array[${events}]), array_fill(rpad('', 110, 'x'), array[${events}]))`;
  return { [BULK]: (await timed(() => connection.script(text))) / events };
}

/** Rows inserted and updated by one statement each, in a table with a change trigger: processor time of the backend. */
async function changes(
  connection: Connection,
  { rows, options }: { readonly rows: number; readonly options: Options },
) {
  const [backend] = await connection.query<{ pid: number }>('select pg_backend_pid() as pid');
  const perRow = async (statement: string) => {
    const before = backendCpuUs(backend?.pid);
    await connection.script(statement);
    return (backendCpuUs(backend?.pid) - before) / rows;
  };
  const spent: Record<string, number> = {};
  for (const kind of ['jsontriga', 'logutriga', 'sqltriga']) {
    for (const [named, args] of Object.entries(options)) {
      const list = ['orders', ...args].map((arg) => `'${arg.replaceAll("'", "''")}'`).join(', ');
      await connection.script(
        `drop table if exists changed; truncate pgq.event_1_0;
         create table changed (id int primary key, name text, price numeric, at timestamptz, ok boolean, note text);
         create trigger change after insert or update on changed for each row ${CONDITIONS[named] ?? ''} execute function pgq.${kind}(${list})`,
      );
      spent[`${kind}${named}, a row inserted`] = await perRow(
        `insert into changed select n, 'name ' || n, n * 1.5, now(), true, null from generate_series(1, ${rows}) n`,
      );
      spent[`${kind}${named}, a row updated`] = await perRow(`update changed set name = 'other ' || id`);
    }
  }
  return spent;
}

/** Ticks of 100 events, each taken, read and finished by a statement. */
async function batches(connection: Connection, ticks: number) {
  // The events of the inserts would be one large batch.
  await connection.script(`truncate pgq.event_1; select pgq.force_tick('orders')`);
  await connection.script(`select pgq.ticker('orders')`);
  await connection.script(
    `select pgq.register_consumer_at('orders', 'reader', (select max(tick_id) from pgq.tick))`,
  );
  const spent = { tick: 0, 'next batch': 0, 'read 100 events': 0, 'finish batch': 0 };
  for (let n = 0; n < ticks; n++) {
    await connection.script(
      `insert into pgq.event_1_0 (ev_id, ev_time, ev_txid, ev_type, ev_data)
       select nextval('pgq.event_1_id_seq'), now(), txid_current(), ${EVENT} from generate_series(1, 100);
       update pgq.queue set queue_ticker_max_count = 1`,
    );
    spent.tick += await timed(() => connection.query(`select pgq.ticker('orders')`));
    let opened: { batch: unknown }[] = [];
    spent['next batch'] += await timed(async () => {
      opened = await connection.query(`select pgq.next_batch('orders', 'reader') as batch`);
    });
    const batch = opened[0]?.batch;
    let rows: unknown[] = [];
    spent['read 100 events'] += await timed(async () => {
      rows = await connection.query('select * from pgq.get_batch_events($1)', [batch]);
    });
    if (rows.length !== 100) throw new Error(`A batch of 100 events had ${rows.length}.`);
    spent['finish batch'] += await timed(() => connection.query('select pgq.finish_batch($1)', [batch]));
  }
  return Object.fromEntries(Object.entries(spent).map(([what, us]) => [what, us / ticks]));
}
