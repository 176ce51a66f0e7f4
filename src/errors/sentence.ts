// Any error as one sentence for an operator: what happened to which database, and what to do. Never a stack, never a secret.
import { addressOf, CUT, NO_ANSWER, networkCodeOf, sqlstateOf } from './sqlstate.ts';
import { describeThrown } from './thrown.ts';
import { isOurs } from './tributary-error.ts';

const NETWORK: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refuses connections: is the server running, and are host and port right?',
  ENOTFOUND: 'has a host name that is not known: correct the host, or the resolver.',
  EAI_AGAIN: 'has a host name that cannot be resolved now: check the resolver.',
  ETIMEDOUT: 'does not answer: check the network, a firewall, or whether the host is up.',
  EHOSTUNREACH: 'cannot be reached: no route to the host.',
  ENETUNREACH: 'cannot be reached: no route to the network.',
};

const SQLSTATE: Readonly<Record<string, string>> = {
  '28P01': 'refuses the password: correct it in the file, PGPASSWORD or ~/.pgpass.',
  '28000': 'refuses the role: check pg_hba.conf, TLS and whether the role may log in.',
  '3D000': 'has no database of that name: correct the URL or create the database.',
  '53300': 'has no connection left: raise max_connections or use a pooler.',
  '57P03': 'is starting up or shutting down.',
  '57P01': 'ended the connection (shutdown, restart or an administrator).',
  '25006':
    'takes no writes now, for it is a standby or read-only: where another server takes over, name all of them in the URL.',
  '53100': 'has no disk space left: free some.',
};

/** The database that an error came from, where the code that catches it may take it for another's. */
const owners = new WeakMap<object, string>();

/** Notes that `error` came from `owner`, e.g. `Central`: its sentence names `owner`, wherever it is logged. */
export function cameFrom(owner: string, error: unknown): void {
  if (typeof error === 'object' && error !== null && !owners.has(error)) owners.set(error, owner);
}

/**
 * @param about what it happened to, without secrets, e.g. `Shard app_017`; an error noted by `cameFrom` names its owner instead.
 * @returns one sentence, ending in a full stop.
 */
export function sentenceFor(error: unknown, about: string): string {
  const subject = ownerOf(error) ?? about;
  if (isOurs(error)) {
    // A timeout's message does not name the database.
    return error.code === 'timeout' ? `${subject}: ${decapitalised(error.message)}` : error.message;
  }
  const network = networkCodeOf(error);
  if (network === 'ECONNREFUSED') {
    const where = addressOf(error);
    const known = NETWORK[network] ?? '';
    // `about` already has the address.
    if (where === undefined || subject.includes(where)) return `${subject} ${known}`;
    return `${subject} ${known.replace('connections', `connections at ${where}`)}`;
  }
  if (network !== undefined) return `${subject} ${NETWORK[network] ?? `lost its connection (${network}).`}`;
  const sqlstate = sqlstateOf(error);
  const message = firstLine(error);
  if (sqlstate !== undefined) {
    const known = SQLSTATE[sqlstate];
    if (known !== undefined) return `${subject} ${known}`;
    if (sqlstate === '42501')
      return `${subject}: ${message}: for looking, an administrator grants the role pgq_reader; for movers and workers run \`tributary install\` with an admin role.`;
    if (sqlstate === '42883' && message.includes(' tributary.'))
      return `${subject}: ${message}: run \`tributary install\`, which brings central up to this version.`;
    return `${subject}: ${message} (SQLSTATE ${sqlstate}).`;
  }
  if (/SASL|client password must be a string/i.test(message)) {
    return `${subject} asks for a password and none was given: set it in the file with !env, PGPASSWORD or ~/.pgpass.`;
  }
  if (/does not support SSL/i.test(message))
    return `${subject} does not offer TLS: set \`tls: off\` or turn it on there.`;
  if (CUT.test(message)) return `${subject} lost its connection.`;
  if (NO_ANSWER.test(message)) return `${subject} ${NETWORK.ETIMEDOUT}`;
  return `${subject}: ${message.replace(/\.$/, '')}.`;
}

/** The same, with what the error stopped: `rotation of orders on central: central has no disk space left …` */
export function sentenceAbout(error: unknown, about: string): string {
  const sentence = sentenceFor(error, about);
  return ownerOf(error) === undefined ? sentence : `${about}: ${decapitalised(sentence)}`;
}

function ownerOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null ? owners.get(error) : undefined;
}

function decapitalised(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function firstLine(error: unknown): string {
  const { message } = describeThrown(error, 'A program');
  return (message.split('\n')[0] ?? '').trim() || 'an error without a message';
}
