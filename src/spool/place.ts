// What is asked of the shard for a spool: the place up to which each writer was delivered, and a delivery together with it.
//
// Invariant: a record is inserted only in the transaction that moves the place of its writer from the record before to it.
import { readFileSync } from 'node:fs';
import { failPoint } from '../lifecycle/fail-point.ts';
import { packagePath } from '../lifecycle/package-root.ts';
import type { Connection } from '../postgres/connection.ts';
import { type EventTexts, insertEach, insertInBulk, namesOfQueues } from '../queue/insert.ts';
import { noSuchQueue } from '../queue/no-such-queue.ts';
import type { PgqSchema } from '../queue/provider.ts';
import type { SpoolRecord } from './record.ts';

export const PLACE_FILE = 'sql/spool/place.sql';
/** Places of writers that have been silent for so long are forgotten. */
const KEPT = '30 days';

export interface Delivery {
  readonly spool: string;
  readonly writer: string;
  /** Number of the record that was delivered last; 0: none. */
  readonly after: number;
  /** In their order, at least one. */
  readonly records: readonly SpoolRecord[];
  readonly schema: PgqSchema;
  readonly isBulk: boolean;
  /** Whether only the place moves: the events were set aside. */
  readonly isAside?: boolean;
}

/** Whether the table of places is there. */
export async function hasPlaces(connection: Connection): Promise<boolean> {
  const [row] = await connection.query<{ there: boolean }>(
    "select to_regclass('tributary_spool.place') is not null as there",
  );
  return row?.there === true;
}

export async function makePlaces(connection: Connection): Promise<void> {
  await connection.script(`begin; ${readFileSync(packagePath(PLACE_FILE), 'utf8')}; commit`);
}

/** Of each writer of the spool that the shard knows. */
export async function placesOf(connection: Connection, spool: string): Promise<Map<string, number>> {
  const rows = await connection.query<{ writer: string; seq: number }>(
    'select writer::text as writer, seq from tributary_spool.place where spool = $1',
    [spool],
  );
  return new Map(rows.map(({ writer, seq }) => [writer, seq]));
}

/** Whether the bulk insert of the bundled engine is there. */
export async function hasBulk(connection: Connection, schema: PgqSchema): Promise<boolean> {
  const [row] = await connection.query<{ bulk: boolean }>(
    `select to_regproc('${schema}.insert_events_ids') is not null as bulk`,
  );
  return row?.bulk === true;
}

/** @returns false where the place is another one than `after`: then nothing was done. */
export async function deliver(connection: Connection, delivery: Delivery): Promise<boolean> {
  const { spool, writer, after, records } = delivery;
  const last = records.at(-1)?.seq ?? after;
  // The transaction has its id before PgQ chooses a table, see queue/insert.ts.
  await connection.script('begin isolation level read committed; select txid_current()');
  try {
    if (after === 0) {
      await connection.query(
        'insert into tributary_spool.place (spool, writer, seq) values ($1, $2, 0) on conflict do nothing',
        [spool, writer],
      );
    }
    const moved = await connection.query(
      'update tributary_spool.place set seq = $3, at = now() where spool = $1 and writer = $2 and seq = $4 returning seq',
      [spool, writer, last, after],
    );
    if (moved.length === 1 && delivery.isAside !== true)
      for (const run of runsOf(records)) await insert(connection, run, delivery);
    await failPoint('spool:inserted');
    await connection.script(moved.length === 1 ? 'commit' : 'rollback');
    await failPoint('spool:committed');
    return moved.length === 1;
  } catch (error) {
    if (!connection.failed) await connection.script('rollback').catch(() => {});
    throw error;
  }
}

/** Sets the place, for an operator who has decided. */
export async function setPlace(
  connection: Connection,
  { spool, writer, seq }: { readonly spool: string; readonly writer: string; readonly seq: number },
): Promise<void> {
  await connection.query(
    `insert into tributary_spool.place (spool, writer, seq) values ($1, $2, $3)
     on conflict (spool, writer) do update set seq = excluded.seq, at = now()`,
    [spool, writer, seq],
  );
}

/** Forgets writers that are gone for long. @param here those that have segments. */
export async function forgetPlaces(
  connection: Connection,
  spool: string,
  here: readonly string[],
): Promise<void> {
  await connection.query(
    `delete from tributary_spool.place where spool = $1 and at < now() - interval '${KEPT}' and writer <> all ($2::uuid[])`,
    [spool, here],
  );
}

interface Run {
  readonly queue: string;
  readonly events: EventTexts[];
}

/** Consecutive events of one queue, for one statement. */
function runsOf(records: readonly SpoolRecord[]): Run[] {
  const runs: Run[] = [];
  for (const { queue, events } of records) {
    const run = runs.at(-1);
    // One by one: a record may have more than a call takes arguments.
    if (run?.queue === queue) for (const event of events) run.events.push(event);
    else runs.push({ queue, events: [...events] });
  }
  return runs;
}

async function insert(
  connection: Connection,
  { queue, events }: Run,
  { schema, isBulk }: Delivery,
): Promise<void> {
  const { text, values } = (isBulk ? insertInBulk : insertEach)(schema, queue, events);
  const rows = await connection.query(text, values);
  if (rows.length > 0) return;
  const names = namesOfQueues(schema);
  const [row] = await connection.query<{ names: string }>(names.text, names.values);
  throw noSuchQueue(queue, JSON.parse(row?.names ?? '[]') as string[]);
}
