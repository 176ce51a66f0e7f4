// Asks one database about its sessions and what its queues hold: two cheap statements over views and catalogs, no event.
import type { Database, Shard } from '../../config/config.ts';
import { sentenceFor } from '../../errors/sentence.ts';
import { sqlstateOf } from '../../errors/sqlstate.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { Connection, type Row } from '../../postgres/connection.ts';
import { literal } from '../../postgres/quote.ts';
import { fill, sqlFile } from '../../postgres/sql-file.ts';
import type { DatabaseHealth, RotationFacts, SessionsFacts } from './facts.ts';

const SESSIONS = sqlFile('shard', 'sessions.sql');
const ROTATION = sqlFile('shard', 'rotation-held.sql');

export interface AskedDatabase {
  readonly name: string;
  readonly database: Pick<Database, 'host' | 'port'>;
  readonly schema: string;
  readonly queues: readonly string[];
}

export type AskedAnswer =
  | { readonly health: DatabaseHealth; readonly reason?: undefined }
  /** A sentence; `isUnreachable`: nobody answers there at all. */
  | { readonly reason: string; readonly isUnreachable: boolean };

/** Over a connection of its own, within the time that one shard is given. Never throws. */
export async function askDatabase(
  shard: Shard,
  { installation, queues }: { readonly installation: string; readonly queues: readonly string[] },
): Promise<AskedAnswer> {
  const { name, schema } = shard;
  const endMs = performance.now() + TIMING.doctor.shardMs;
  let connection: Connection | undefined;
  try {
    connection = await Connection.open(shard, {
      applicationName: `tributary doctor ${installation}`,
      connectTimeoutMs: TIMING.doctor.shardMs,
    });
    const timeoutMs = Math.max(TIMING.doctor.leastMs, Math.round(endMs - performance.now()));
    return {
      health: await readDatabase(connection, { name, database: shard, schema, queues }, { timeoutMs }),
    };
  } catch (error) {
    const reason = sentenceFor(error, `Shard ${name}`);
    return { reason, isUnreachable: connection === undefined && sqlstateOf(error) === undefined };
  } finally {
    if (connection?.failed) connection.destroy();
    else void connection?.close();
  }
}

/** @throws what the driver throws where sessions cannot be read; a table that is locked only leaves out what queues hold. */
export async function readDatabase(
  connection: Connection,
  { name, database, schema, queues }: AskedDatabase,
  { timeoutMs }: { readonly timeoutMs: number },
): Promise<DatabaseHealth> {
  const settings = `set local statement_timeout = ${timeoutMs}; set local lock_timeout = '500ms'; set local jit = off`;
  const ask = async (statement: string): Promise<Row[]> => {
    try {
      const results = await connection.script(`begin read only; ${settings}; ${statement}; commit`, {
        timeoutMs: timeoutMs + TIMING.doctor.answerSlackMs,
      });
      return results.at(-2) ?? [];
    } catch (error) {
      // The connection may be used by others after us.
      if (!connection.failed) await connection.script('rollback', { timeoutMs });
      throw error;
    }
  };
  const seconds = String(TIMING.doctor.transactionSeconds);
  const wait_seconds = String(TIMING.doctor.lockSeconds);
  const askedMs = Date.now();
  const [row] = await ask(fill(SESSIONS, { seconds, wait_seconds }));
  const answeredMs = Date.now();
  const clockAheadMs = Number(row?.now_ms) - (askedMs + answeredMs) / 2;
  let rotation: Row[] = [];
  try {
    rotation = await ask(fill(ROTATION, { schema, request: literal(JSON.stringify(queues)) }));
  } catch (error) {
    if (connection.failed) throw error;
  }
  return {
    name,
    server: `${database.host}:${database.port}`,
    identity: String(row?.server),
    sessions: {
      ...sessionsOf(row as Row),
      clockAheadMs: Math.round(clockAheadMs),
      clockWithinMs: Math.ceil((answeredMs - askedMs) / 2),
    },
    rotation: rotation.map(rotationOf),
  };
}

function sessionsOf(row: Row): Omit<SessionsFacts, 'clockAheadMs' | 'clockWithinMs'> {
  // The statement names the keys of its lists as the types do.
  const list = <T>(value: unknown) => (value ?? []) as readonly T[];
  return {
    seesAll: row.sees_all === true,
    role: String(row.role),
    directory: row.is_local === true && typeof row.directory === 'string' ? row.directory : undefined,
    used: Number(row.used),
    usable: Number(row.usable),
    holders: list(row.holders),
    prepared: list(row.prepared),
    slots: list(row.slots),
    standbys: list(row.standbys),
    blocked: list(row.blocked),
    lockers: list(row.lockers),
  };
}

function rotationOf(row: Row): RotationFacts {
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
