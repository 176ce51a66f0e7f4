// Tables with few rows that change all the time: written anew once old versions fill them.
//
// While a session holds an old snapshot no version of a row can be removed, and what looks a row up by its key visits all of them.
//
// Invariant: nobody ever finds such a table empty. Its rows go in frozen (COPY … FREEZE), so that a snapshot from before sees them
// as well, as they are now; of these tables nobody asks for what was.
// Order: the lock · the rows are read · the table is emptied, and they go in again, in one message.
// Fails by: a lock that is not to be had soon, and anything else, leaves the table as it was, and it is tried again later. A session
// that holds a lock on it, as pg_dump does, puts it off to its end; so does a handler of a queue with lanes while it is at work.
import { sqlstateOf } from '../errors/sqlstate.ts';
import { TIMING } from '../lifecycle/timing.ts';
import type { Connection } from '../postgres/connection.ts';

/** Written at the rate of batches, or with every beat and report. Others grow, or change with what people do. */
export const PILED_TABLES = [
  'attempt',
  'coop_opening',
  'key_rate',
  'lane',
  'lane_waiting',
  'member',
  'mover_report',
  'narrowing',
  'paused_key',
  'shard_report',
  'source_lag',
] as const;

/** From this size on: about a thousand old versions. */
const FROM_BYTES = 256 * 1024;
/** One that has become this many times as large since it was last written. */
const GROWN = 4;
/** More take too long under a lock. */
const MOST_ROWS = 20_000;
/** As they are stored: all of them are in memory for a moment, and events that wait for their key may be large. */
const MOST_BYTES = 16 * 1024 * 1024;
const BEGIN = `begin isolation level read committed; set local statement_timeout = '1s';
  set local idle_in_transaction_session_timeout = '2s'`;

const LOCK_NOT_AVAILABLE = '55P03';

export class PiledTables {
  readonly #fromBytes: number;
  /** Their sizes when they had just been written. */
  readonly #bytes = new Map<string, number>();
  /** Those that somebody had locked, or that could not be written, are tried again then. */
  readonly #notBeforeMs = new Map<string, number>();

  constructor({ fromBytes = FROM_BYTES }: { readonly fromBytes?: number } = {}) {
    this.#fromBytes = fromBytes;
  }

  /** Looks at all of them, and writes those anew that need it. @returns their names. */
  async run(connection: Connection): Promise<string[]> {
    const sizes = await connection.query<{ name: string; bytes: number }>(SIZES, [
      [...PILED_TABLES],
      this.#fromBytes,
      MOST_ROWS,
    ]);
    const written: string[] = [];
    for (const { name, bytes } of sizes) {
      const least = Math.max(this.#fromBytes, GROWN * (this.#bytes.get(name) ?? 0));
      if (bytes < least) continue;
      if (performance.now() < (this.#notBeforeMs.get(name) ?? 0)) continue;
      this.#notBeforeMs.set(name, performance.now() + TIMING.centralTicks.maintainEveryMs);
      const ownMs = Math.round((TIMING.piledTables.patienceMs * bytes) / least);
      const patienceMs = Math.min(TIMING.piledTables.mostPatienceMs, ownMs);
      const left = await writeAnew(connection, { name, patienceMs });
      if (left === undefined) continue;
      this.#notBeforeMs.delete(name);
      this.#bytes.set(name, left);
      written.push(name);
    }
    return written;
  }
}

/** By the server's statistics few of their rows are still there. */
const SIZES = `select c.relname as name, pg_relation_size(c.oid)::float8 as bytes
  from pg_class c
  where c.relnamespace = 'tributary'::regnamespace and c.relname = any ($1)
    and pg_relation_size(c.oid) >= $2 and coalesce(pg_stat_get_live_tuples(c.oid), 0) <= $3`;

/** @returns its size then; undefined: somebody held the table, or it has too much. */
async function writeAnew(
  connection: Connection,
  { name, patienceMs }: { readonly name: string; readonly patienceMs: number },
): Promise<number | undefined> {
  const table = `tributary.${name}`;
  const [held] = await connection.query<{ bytes: number }>(
    `select coalesce(sum(pg_column_size(t.*)), 0)::float8 as bytes from ${table} t`,
  );
  if (held === undefined || held.bytes > MOST_BYTES) return undefined;
  try {
    await connection.script(
      `${BEGIN}; set local lock_timeout = ${patienceMs}; lock table ${table} in access exclusive mode`,
    );
    const rows: Buffer[] = [];
    for await (const chunk of connection.copyOut(
      `copy ${table} to stdout (format binary)`,
    ) as AsyncIterable<Buffer>)
      rows.push(chunk);
    const results = await connection.copyScript(
      `truncate ${table}; copy ${table} from stdin (format binary, freeze);
       select pg_relation_size('${table}')::float8 as bytes; commit`,
      [rows],
    );
    return Number(results.flat().find((row) => row.bytes !== undefined)?.bytes);
  } catch (error) {
    await connection.script('rollback');
    if (sqlstateOf(error) === LOCK_NOT_AVAILABLE) return undefined;
    throw error;
  }
}
