// The password of the server's user as PostgreSQL keeps it: so initdb stores it as it is, and does not make it by itself.
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

/**
 * Many turns protect passwords of people from being guessed. One that is random needs none, and each client takes them at each
 * start; but Go's pq refuses a number of fewer than four digits.
 */
const TURNS = 1_000;
const BYTES = 32;

/** For SCRAM-SHA-256. */
export function verifierOf(password: string): string {
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password, salt, TURNS, BYTES, 'sha256');
  const keyOf = (name: string) => createHmac('sha256', salted).update(name).digest();
  const stored = createHash('sha256').update(keyOf('Client Key')).digest('base64');
  return `SCRAM-SHA-256$${TURNS}:${salt.toString('base64')}$${stored}:${keyOf('Server Key').toString('base64')}`;
}
