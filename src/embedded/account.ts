// The account that the server runs as: PostgreSQL refuses root, so root starts it as an account without rights.
import { spawnSync } from 'node:child_process';
import { TributaryError } from '../errors/tributary-error.ts';

/** User and group that a process is started as. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

const CANDIDATES = ['nobody', 'postgres', 'daemon'];

/** The account for the server when this process is root; undefined: run it as we are. */
export function serverAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of CANDIDATES) {
    const uid = idOf('-u', name);
    const gid = idOf('-g', name);
    if (uid !== undefined && gid !== undefined) return { uid, gid };
  }
  throw new TributaryError('PostgreSQL does not run as root, and there is no user `nobody` to run it as.', {
    code: 'embedded-account',
    kind: 'misconfigured',
    remedy: 'Add one (`useradd nobody`), or start this as an ordinary user.',
  });
}

function idOf(what: '-u' | '-g', name: string): number | undefined {
  const { status, stdout } = spawnSync('id', [what, name], { encoding: 'utf8' });
  return status === 0 ? Number(stdout) : undefined;
}
