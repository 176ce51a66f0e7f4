// Finds the server that takes writes among those that a URL names, as libpq does for target_session_attrs=read-write.
//
// Invariant: a connection that is given out was asked, after it was opened, whether its server takes writes.
// Order: the server that was found last comes first; the next one is tried when one refuses, or is silent for a second.
// Names are resolved by each search, so that a name that leads to another machine by now is followed.
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Database, Server } from '../config/config.ts';
import { sentenceFor } from '../errors/sentence.ts';
import { kindOf } from '../errors/sqlstate.ts';
import { TributaryError } from '../errors/tributary-error.ts';
import { TIMING } from '../lifecycle/timing.ts';
import type { Connection } from './connection.ts';

/** One server, at one of the addresses of its name where that has several. */
export interface Place extends Server {
  readonly address?: string;
}

export interface PrimarySearch {
  readonly servers: readonly Server[];
  /** Whose servers they are, for the error. */
  readonly owner: string;
  open(place: Place, signal: AbortSignal): Promise<Connection>;
  readonly signal?: AbortSignal | undefined;
}

/** The server where the last search ended, by the list that was searched. */
const found = new WeakMap<readonly Server[], Place>();

/** Where the last search among these servers ended. */
export const lastPrimary = (servers: readonly Server[]): Place | undefined => found.get(servers);

/** How the places of a database differ from it, for whoever connects by himself. */
export const atPlace = (database: Database, { host, port }: Place): Database => ({ ...database, host, port });

/** @throws retryable while no server takes writes: each is named, with what it answered. */
export function openPrimary(search: PrimarySearch): Promise<Connection> {
  const { servers } = search;
  const last = found.get(servers);
  const isLast = ({ host, port }: Server) => host === last?.host && port === last.port;
  const waiting = [...servers.filter(isLast), ...servers.filter((one) => !isLast(one))];
  return new Promise((resolve, reject) => {
    const enough = new AbortController();
    const signal =
      search.signal === undefined ? enough.signal : AbortSignal.any([enough.signal, search.signal]);
    const failures: Failure[] = [];
    let underWay = 0;
    let timer: NodeJS.Timeout | undefined;
    const next = () => {
      clearTimeout(timer);
      const server = waiting.shift();
      if (server === undefined) {
        if (underWay === 0 && !enough.signal.aborted) reject(noPrimary(search, failures));
        return;
      }
      underWay += 1;
      timer = setTimeout(next, TIMING.connections.nextServerMs);
      tryServer(server, { ...search, signal })
        .then((won) => {
          // Another one was quicker.
          if (enough.signal.aborted) return won.connection.destroy();
          clearTimeout(timer);
          enough.abort();
          found.set(servers, won.place);
          resolve(won.connection);
        })
        .catch((error: unknown) => {
          underWay -= 1;
          failures.push({ server, error });
          if (!enough.signal.aborted) next();
        });
    };
    next();
  });
}

interface Failure {
  readonly server: Server;
  readonly error: unknown;
}

/** Its name's addresses one after the other: a name may lead to primary and standby. @throws the last one's error. */
async function tryServer(
  server: Server,
  { open, signal }: PrimarySearch & { readonly signal: AbortSignal },
): Promise<{ connection: Connection; place: Place }> {
  let failure: unknown;
  for (const place of await placesOf(server)) {
    try {
      signal.throwIfAborted();
      const connection = await open(place, signal);
      await assertPrimary(connection);
      return { connection, place };
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/** One place without an address where the name has one only, or none: then connecting says what is wrong with it. */
async function placesOf(server: Server): Promise<Place[]> {
  if (isIP(server.host) !== 0 || server.host.startsWith('/')) return [server];
  const addresses = await lookup(server.host, { all: true }).catch(() => []);
  return addresses.length < 2 ? [server] : addresses.map(({ address }) => ({ ...server, address }));
}

class ReadOnly extends Error {}

/** Asked and not taken from what the server reports by itself: a pooler would report what once was. */
async function assertPrimary(connection: Connection): Promise<void> {
  try {
    const [row] = await connection.query<{ standby: boolean; read_only: boolean }>(
      "select pg_is_in_recovery() as standby, current_setting('transaction_read_only') = 'on' as read_only",
      [],
      { timeoutMs: TIMING.connections.connectMs },
    );
    if (row?.standby) throw new ReadOnly('is a standby');
    if (row?.read_only) throw new ReadOnly('is read-only');
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

function noPrimary({ owner }: PrimarySearch, failures: readonly Failure[]): unknown {
  const isForGood = failures.every(
    ({ error }) => !(error instanceof ReadOnly) && kindOf(error) !== 'retryable',
  );
  const [only] = failures;
  if (only !== undefined && failures.length === 1 && !(only.error instanceof ReadOnly)) return only.error;
  const said = failures.map(({ server: { host, port }, error }) => {
    const place = `${host}:${port}`;
    return error instanceof ReadOnly
      ? `${place} ${error.message}`
      : sentenceFor(error, place).replace(/\.$/, '');
  });
  return new TributaryError(`${owner} has no server that takes writes now: ${said.join('; ')}.`, {
    code: 'no-primary',
    kind: isForGood ? kindOf(only?.error) : 'retryable',
    cause: only?.error,
  });
}
