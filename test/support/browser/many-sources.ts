// An installation of 256 shards on 16 hosts with five queues each, of which central alone is there: movers are members that
// take their leases and report figures as real ones do, once a second, of shards that nobody has.
import { randomUUID } from 'node:crypto';
import { onTestFinished } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { leaseBeat } from '../../../src/coordination/lease-queries.ts';
import { packageVersion } from '../../../src/lifecycle/package-root.ts';
import type { Connection } from '../../../src/postgres/connection.ts';
import { givenFile } from '../installation/config-file.ts';
import { startTributary } from '../processes/process.ts';
import { givenCentral } from '../server/central-schema.ts';
import type { TestDatabase } from '../server/database.ts';
import { addressOf } from './dashboard.ts';

export interface ManySources {
  readonly url: string;
  readonly central: TestDatabase;
  /** What is reported of one source from now on; undefined: nothing out of the ordinary. */
  report(shard: number, queue: string, figure: Partial<ReportedFigure> | undefined): void;
  /** The mover of a host is silent from now on. */
  silence(host: number): void;
}

interface ReportedFigure {
  readonly state: string;
  readonly reason: string;
  readonly seconds_behind: number;
}

const [HOSTS, PER_HOST] = [16, 16];
export const QUEUES = ['orders', 'payments', 'emails', 'stock', 'audit'] as const;

/**
 * On a machine with other things to do a report may come late. Leases run as long: else the real mover that serves the page takes
 * some over, and ends the connection of whoever held them.
 */
const PATIENT_MS = 60_000;
/** For how long the leases of a mover run that is silent from now on. */
const LAST_MS = 2_000;

const two = (number: number): string => String(number).padStart(2, '0');
const shardOf = (host: number, at: number): string => `app_${String(host * PER_HOST + at).padStart(3, '0')}`;

export async function givenManySources(): Promise<ManySources> {
  const central = await givenCentral();
  await central.query('truncate tributary.identity');
  await central.query("insert into tributary.identity (name) values ('fleet')");
  const file = givenFile(
    [
      'name: fleet',
      `central: '${central.url}'`,
      'shards:',
      ...Array.from({ length: HOSTS }, (_, host) =>
        Array.from(
          { length: PER_HOST },
          (_, at) =>
            `  - { name: ${shardOf(host, at)}, host: db${two(host + 1)}, url: 'postgresql://nobody@127.0.0.1:9/${shardOf(host, at)}' }`,
        ),
      ).flat(),
      'queues:',
      ...QUEUES.map((queue) => `  ${queue}: { workers: none }`),
      '',
    ].join('\n'),
  );
  const fileHash = loadConfig(file, { env: {} }).config?.hash ?? '';
  for (const queue of QUEUES) await central.query('select pgq.create_queue($1)', [queue]);
  const ids = await registered(central);
  const special = new Map<number, Partial<ReportedFigure>>();
  /** And whether it has held its leases for the last time. */
  const silent = new Map<number, boolean>();
  const connection = await central.connect();
  const movers = Array.from({ length: HOSTS }, (_, host) => ({ host, id: randomUUID(), fileHash }));
  let isOver = false;
  const reporting = (async () => {
    while (!isOver) {
      for (const mover of movers) {
        const isLast = silent.has(mover.host);
        if (silent.get(mover.host)) continue;
        if (isLast) silent.set(mover.host, true);
        await beat(connection, { ...mover, ttlMs: isLast ? LAST_MS : PATIENT_MS }, ids, special);
      }
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  })();
  onTestFinished(async () => {
    isOver = true;
    await reporting;
  });
  return {
    central,
    url: await addressOf(startTributary(['-c', file, 'mover', '--host', 'db01', '--http', ':0'])),
    report(shard, queue, figure) {
      const id = ids.get(`${shardOf(0, shard)}:${queue}`) ?? 0;
      if (figure === undefined) special.delete(id);
      else special.set(id, figure);
    },
    silence: (host) => void silent.set(host, false),
  };
}

/** Ids of the sources by `shard:queue`, each with a position. */
async function registered(central: TestDatabase): Promise<ReadonlyMap<string, number>> {
  const rows = await central.query<{ id: number; name: string }>(
    `select r.id, x.shard || ':' || r.queue as name
       from (select 'app_' || lpad(n::text, 3, '0') as shard from generate_series(0, $1::int - 1) n) x
       cross join lateral tributary.register_sources(x.shard,
           (select jsonb_agg(jsonb_build_object('queue', q, 'central_queue', q)) from unnest($2::text[]) q)) r`,
    [HOSTS * PER_HOST, QUEUES],
  );
  await central.query('select tributary.create_position(id, 1, 1, 1, $1) from tributary.source', [
    '0'.repeat(32),
  ]);
  return new Map(rows.map(({ id, name }) => [name, id]));
}

/** What a mover says once a second: it lives, it holds its shards, and how far behind their sources are. */
async function beat(
  connection: Connection,
  {
    host,
    id,
    fileHash,
    ttlMs,
  }: { readonly host: number; readonly id: string; readonly fileHash: string; readonly ttlMs: number },
  ids: ReadonlyMap<string, number>,
  special: ReadonlyMap<number, Partial<ReportedFigure>>,
): Promise<void> {
  const shards = Array.from({ length: PER_HOST }, (_, at) => shardOf(host, at));
  await leaseBeat(
    connection,
    { id, kind: 'mover', host: `db${two(host + 1)}`, version: packageVersion(), fileHash: () => fileHash },
    {
      beat: { ttlMs, wanted: shards.map((shard) => `shard:${shard}`), maxNew: PER_HOST, release: [] },
      resources: [],
      timeoutMs: PATIENT_MS,
    },
  );
  const figures = shards.flatMap((shard) =>
    QUEUES.map((queue) => {
      const source = ids.get(`${shard}:${queue}`) ?? 0;
      return {
        ...{ source, age_s: 0.1, state: 'moving', reason: null, cause: null, events_behind: 3, exact: true },
        ...{
          seconds_behind: Math.random() * 4,
          stands: false,
          ages: false,
          last_tick: 7,
          provider: 'bundled',
        },
        ...special.get(source),
      };
    }),
  );
  await connection.query(
    'select tributary.store_lag($1, $2, 0, $3, $4)',
    [id, `db${two(host + 1)}`, JSON.stringify(figures), []],
    { timeoutMs: PATIENT_MS },
  );
}
