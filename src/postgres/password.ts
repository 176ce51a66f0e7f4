// The password where the file names none: PGPASSWORD, then the file of passwords, as libpq does.
import pgpass from 'pgpass';
import type { Database } from '../config/config.ts';

/** Called only when the server asks for a password. @param user the role that connects. */
export async function passwordFor(
  { host, port, database }: Database,
  user: string,
): Promise<string | undefined> {
  const { PGPASSWORD } = process.env;
  if (PGPASSWORD !== undefined && PGPASSWORD !== '') return PGPASSWORD;
  // The file lists a socket under its folder, and the default socket under localhost.
  const hosts = host.startsWith('/') ? [host, 'localhost'] : [host];
  for (const one of hosts) {
    const found = await new Promise<string | undefined>((resolve) => {
      pgpass({ host: one, port, database, user }, resolve);
    });
    if (found !== undefined) return found;
  }
  return undefined;
}
