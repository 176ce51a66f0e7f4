// What the queues of a shard hold, and whether any of them should have emptied a table long ago. Catalogs and PgQ's tables only.
import type { Connection, Row } from '../postgres/connection.ts';
import { literal } from '../postgres/quote.ts';
import { fill, sqlFile } from '../postgres/sql-file.ts';

const HELD = sqlFile('shard', 'held.sql');
const OVERDUE = sqlFile('shard', 'overdue.sql');

export interface RotationFacts {
  readonly queue: string;
  readonly switchedSeconds: number;
  /** Null: it never rotates. */
  readonly periodSeconds: number | null;
  readonly isHalfDone: boolean;
  readonly hasRows: boolean;
  readonly bytes: number;
  readonly bytesAnHour: number;
  /** The one furthest behind; null: there is none. */
  readonly consumer: string | null;
  readonly consumerAgeSeconds: number | null;
  /** There is a newer tick than its own. */
  readonly isBehind: boolean;
  /** Its position is from before the last rotation. */
  readonly isHeld: boolean;
  /** Sessions that use the table that is emptied next. */
  readonly users: readonly number[];
  /** Events a second over the last minute; null: not known. */
  readonly inPerSecond: number | null;
}

/** What doctor knows of a shard without asking it. */
export interface ShardReport {
  /** The same for all databases of one server, by whatever names they are reached. */
  readonly server: string;
  /** The server's own name of the database. */
  readonly database: string;
  /** Those that were looked at. */
  readonly queues: readonly string[];
  /** Those that should have rotated by now and have not; nearly always none. */
  readonly held: readonly RotationFacts[];
  /** The captures by which all its tables are captured; undefined: not all are, there are none, or nobody looked. */
  readonly captured?: string | undefined;
}

interface HeldQueues {
  readonly schema: string;
  readonly queues: readonly string[];
}

/** The message that asks what these queues hold. */
export const heldSql = ({ schema, queues }: HeldQueues): string =>
  fill(HELD, { schema, request: literal(JSON.stringify(queues)) });

/** One cheap message, and a second one only where a queue is overdue. Waits for no lock for long. */
export async function reportOnShard(connection: Connection, asked: HeldQueues): Promise<ShardReport> {
  const { schema, queues } = asked;
  const request = literal(JSON.stringify(queues));
  const [row = {}] = await ask(connection, fill(OVERDUE, { schema, request }));
  const overdue = (row.overdue ?? []) as readonly string[];
  const held = overdue.length === 0 ? [] : await ask(connection, heldSql({ schema, queues: overdue }));
  return { server: String(row.server), database: String(row.database), queues, held: held.map(rotationOf) };
}

async function ask(connection: Connection, statement: string): Promise<Row[]> {
  const results = await connection.script(
    `begin read only; set local lock_timeout = '500ms'; set local jit = off; ${statement}; commit`,
  );
  return results.at(-2) ?? [];
}

export function rotationOf(row: Row): RotationFacts {
  const switchedSeconds = Number(row.switched_s);
  const hours = Math.max(switchedSeconds, 60) / 3_600;
  return {
    queue: String(row.queue),
    switchedSeconds,
    periodSeconds: row.period_s === null ? null : Number(row.period_s),
    isHalfDone: row.is_half_done === true,
    hasRows: row.has_rows === true,
    bytes: Number(row.bytes),
    bytesAnHour: Number(row.current_bytes) / hours,
    consumer: row.consumer as string | null,
    consumerAgeSeconds: row.consumer_age_s as number | null,
    isBehind: row.is_behind === true,
    isHeld: row.is_held === true,
    users: (row.users ?? []) as number[],
    inPerSecond: row.came as number | null,
  };
}
