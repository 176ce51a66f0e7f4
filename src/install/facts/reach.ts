// Reaches many databases at once, with a limit for each server and not over all: a server that does not answer holds up no
// database of another one.
import pLimit, { type LimitFunction } from 'p-limit';
import type { Database } from '../../config/config.ts';
import { Connection, type ConnectOptions } from '../../postgres/connection.ts';

/** Connections to one server at a time. */
const PER_SERVER = 16;

/** Runs calls, with a limit for each server. */
export type Limited = <T>(database: Database, call: () => Promise<T>) => Promise<T>;

/** @param perServer calls at a time. */
export function reachingServers(perServer = PER_SERVER): Limited {
  const limits = new Map<string, LimitFunction>();
  return ({ host, port }, call) => {
    const server = `${host}:${port}`;
    const limit = limits.get(server) ?? pLimit(perServer);
    limits.set(server, limit);
    return limit(call);
  };
}

/** Opens a connection, uses it, closes it. @throws what `use` or the driver throws. */
export type Reach = <T>(database: Database, use: (connection: Connection) => Promise<T>) => Promise<T>;

export function reachingWith(options: ConnectOptions): Reach {
  const limited = reachingServers();
  return (database, use) =>
    limited(database, async () => {
      const connection = await Connection.open(database, options);
      try {
        return await use(connection);
      } finally {
        await connection.close();
      }
    });
}
