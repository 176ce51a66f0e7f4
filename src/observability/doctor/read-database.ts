// Asks one database about its server's sessions and what its queues hold: statements over views and catalogs, no event.
//
// Sessions are those of the whole server, and reading them is most of what a look costs (22 of 32 ms of a backend beside 560
// others): of databases that share a server, one is asked.
import type { Config, Database, Shard } from '../../config/config.ts';
import { sentenceFor } from '../../errors/sentence.ts';
import { sqlstateOf } from '../../errors/sqlstate.ts';
import { judgeTables } from '../../install/capture/judge.ts';
import { readTables } from '../../install/capture/tables.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { Connection, type Row } from '../../postgres/connection.ts';
import { fill, sqlFile } from '../../postgres/sql-file.ts';
import { heldSql, rotationOf } from '../../shards/held.ts';
import type { DatabaseHealth, SessionsFacts } from './facts.ts';

const SERVER = sqlFile('shard', 'doctor', 'server.sql');
const SESSIONS = sqlFile('shard', 'doctor', 'sessions.sql');

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

/** What servers said of their sessions; for as long as one look lasts. */
export class SeenServers {
  readonly #seen = new Map<string, Promise<Row>>();

  /** @throws what `ask` throws. */
  async sessionsOf(server: string, ask: () => Promise<Row>): Promise<Row> {
    const seen = this.#seen.get(server);
    if (seen === undefined) {
      const asked = ask();
      this.#seen.set(server, asked);
      return await asked;
    }
    // One that could not be asked says nothing of the others.
    return await seen.catch(ask);
  }
}

interface Asking {
  readonly installation: string;
  readonly queues: readonly string[];
  /** Default: its tables are not asked for. */
  readonly captures?: Config['captures'];
  /** Default: its sessions are asked for, whoever else was asked. */
  readonly servers?: SeenServers | undefined;
}

/** Over a connection of its own, within the time that one shard is given. Never throws. */
export async function askDatabase(
  shard: Shard,
  { installation, queues, servers, captures }: Asking,
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
    const health = await readDatabase(
      connection,
      { name, database: shard, schema, queues },
      { timeoutMs, servers },
    );
    if (captures === undefined) return { health };
    const file = { name: installation, captures };
    const captured = judgeTables(file, shard, await readTables(connection, file, shard));
    return { health: { ...health, captured } };
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
  {
    timeoutMs,
    servers = new SeenServers(),
  }: { readonly timeoutMs: number; readonly servers?: SeenServers | undefined },
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
  const [own = {}] = await ask(SERVER);
  const answeredMs = Date.now();
  const clockAheadMs = Number(own.now_ms) - (askedMs + answeredMs) / 2;
  const here = String(own.database);
  const askSessions = async () => {
    const [row = {}] = await ask(fill(SESSIONS, { seconds, wait_seconds }));
    return { ...row, askedIn: here };
  };
  let row: Row = await servers.sessionsOf(`${own.server} ${own.role}`, askSessions);
  if (row.askedIn !== here) {
    const isLocked = sessionsOf(row).lockedIn.includes(here);
    row = isLocked ? await askSessions() : { ...row, lockers: [] };
  }
  let rotation: Row[] = [];
  try {
    rotation = await ask(heldSql({ schema, queues }));
  } catch (error) {
    if (connection.failed) throw error;
  }
  return {
    name,
    server: `${database.host}:${database.port}`,
    identity: String(own.server),
    sessions: {
      ...sessionsOf(row),
      database: here,
      clockAheadMs: Math.round(clockAheadMs),
      clockWithinMs: Math.ceil((answeredMs - askedMs) / 2),
    },
    rotation: rotation.map(rotationOf),
  };
}

function sessionsOf(row: Row): Omit<SessionsFacts, 'database' | 'clockAheadMs' | 'clockWithinMs'> {
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
    lockedIn: list(row.locked_in),
  };
}
