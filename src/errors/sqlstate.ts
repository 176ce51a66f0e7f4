// What an error from PostgreSQL or the network means for us: try again, stop, or fix the configuration.
import { type ErrorKind, TributaryError } from './tributary-error.ts';

/** Whole classes of SQLSTATE (first two characters), then single codes that differ from their class. */
const BY_CLASS: Readonly<Record<string, ErrorKind>> = {
  '08': 'retryable', // connection exceptions
  '22': 'halting', // data exceptions: the same row fails again
  '23': 'halting', // integrity constraints
  '25': 'retryable', // invalid transaction state, read-only after a failover among them
  '28': 'misconfigured', // invalid authorization
  '3D': 'misconfigured', // no such database
  '3F': 'misconfigured', // no such schema
  '40': 'retryable', // serialization, deadlock
  '42': 'misconfigured', // syntax, undefined objects, missing privileges
  '53': 'retryable', // insufficient resources: disk full, too many connections
  '54': 'halting', // program limits: the same row fails again
  '55': 'retryable', // object in use, lock not available
  '57': 'retryable', // operator intervention: shutdown, cancel, idle timeout
  '58': 'retryable', // system errors
  P0: 'halting', // raised by PgQ's own functions
  XX: 'halting', // corruption, or PgQ's functions in C
};

const NETWORK_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
]);

/** The driver's words for a connection that ended, and for a server that did not answer in time: such errors have no code. */
export const CUT = /connection terminated|client has encountered a connection error|not queryable/i;
export const NO_ANSWER = /timeout expired|timed out|timeout exceeded/i;

/** The SQLSTATE of a PostgreSQL error, or undefined. */
export function sqlstateOf(error: unknown): string | undefined {
  const code = codeOf(error);
  return code !== undefined && /^[0-9A-Z]{5}$/.test(code) && !NETWORK_CODES.has(code) ? code : undefined;
}

/** The code of a network error (`ECONNREFUSED` …), also inside Node's AggregateError, or undefined. */
export function networkCodeOf(error: unknown): string | undefined {
  const code = codeOf(error);
  if (code !== undefined && NETWORK_CODES.has(code)) return code;
  try {
    if (error instanceof AggregateError)
      return error.errors.map(networkCodeOf).find((found) => found !== undefined);
  } catch {}
  return undefined;
}

/** The address that could not be reached, as `host:port` or the path of a socket; undefined where the error does not tell. */
export function addressOf(error: unknown): string | undefined {
  try {
    const { address, port } = (error ?? {}) as { readonly address?: unknown; readonly port?: unknown };
    if (typeof address === 'string') {
      const host = address.includes(':') ? `[${address}]` : address;
      return typeof port === 'number' ? `${host}:${port}` : address;
    }
    if (error instanceof AggregateError) return error.errors.map(addressOf).find((one) => one !== undefined);
  } catch {}
  return undefined;
}

/** What the code that catches `error` should do. Unknown errors count as defects of ours. */
export function kindOf(error: unknown): ErrorKind {
  if (error instanceof TributaryError) return error.kind;
  if (networkCodeOf(error) !== undefined) return 'retryable';
  const sqlstate = sqlstateOf(error);
  if (sqlstate !== undefined) return BY_CLASS[sqlstate.slice(0, 2)] ?? 'retryable';
  return error instanceof Error && (CUT.test(error.message) || NO_ANSWER.test(error.message))
    ? 'retryable'
    : 'internal';
}

/** Whether a single event can be the cause: its data, a constraint, a program limit. */
export function canBeEventsFault(error: unknown): boolean {
  return ['22', '23', '54'].includes(sqlstateOf(error)?.slice(0, 2) ?? '');
}

/** What was thrown may be anything, also an object that throws when a property of it is read. */
function codeOf(error: unknown): string | undefined {
  try {
    const { code, syscall } = (error ?? {}) as { readonly code?: unknown; readonly syscall?: unknown };
    // The socket of a server that does not run is not there at all.
    if (code === 'ENOENT' && syscall === 'connect') return 'ECONNREFUSED';
    return typeof code === 'string' ? code : undefined;
  } catch {
    return undefined;
  }
}
