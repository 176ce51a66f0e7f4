// Gathered commits without a mover: one source, rows made by hand, and what central has afterwards.
import type { CommitContent } from '../../../src/central/commit/commit.ts';
import { readSources, type StoredSource } from '../../../src/central/positions.ts';
import { install } from '../../../src/install/install.ts';
import type { Connection } from '../../../src/postgres/connection.ts';
import { configFor, givenCluster } from '../installation/installation.ts';
import type { TestDatabase } from '../server/database.ts';

export const OPTIONS = { timeoutMs: 20_000, holdSql: 'select 1' };

/** One source without events, and a connection to its central. */
export async function givenSource(): Promise<{
  central: TestDatabase;
  connection: Connection;
  source: StoredSource;
}> {
  const cluster = await givenCluster({ shards: 1 });
  const rows = await install(configFor(cluster, { queues: '  orders: { workers: none, create: true }' }));
  const mistakes = rows.flatMap((one) => one.mistakes);
  if (mistakes.length > 0) throw new Error(mistakes.join('\n'));
  const connection = await cluster.central.connect();
  const [source] = await readSources(connection, ['s1']);
  return { central: cluster.central, connection, source: source as StoredSource };
}

/** A row as the cutter makes it: time, type, data, and extra1..4. */
export function row(data: string): Buffer {
  const field = (bytes: Buffer | null) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(bytes === null ? -1 : bytes.length);
    return Buffer.concat(bytes === null ? [length] : [length, bytes]);
  };
  const fields = [Buffer.alloc(8), Buffer.from('made'), Buffer.from(data), null, null, null, null];
  return Buffer.concat([Buffer.from([0, 7]), ...fields.map(field)]);
}

/** One step of the source, with these rows. */
export function contentFor(
  { id, position, n }: StoredSource,
  chunks: CommitContent['chunks'],
  rows = 1,
): CommitContent {
  const after = position as NonNullable<typeof position>;
  const to = { tick: { id: after.tick.id + 1, timeUs: 1, eventSeq: 1, md5: 'm' } };
  return { queue: 'orders', chunks, steps: [{ source: id, n: n + 1, after, to, rows }] };
}

export const eventsIn = async (central: TestDatabase) =>
  (await central.query<{ data: string }>('select ev_data as data from pgq.event_1 order by ev_id')).map(
    ({ data }) => data,
  );
export const positionsIn = async (central: TestDatabase) =>
  (await central.query<{ n: number }>('select n from tributary.position order by n')).map(({ n }) => n);
