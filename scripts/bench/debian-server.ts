// Debian's PostgreSQL 15. Only it has a package of the pgq extension, with which engine and mover are compared.
import { existsSync } from 'node:fs';
import { startCluster } from '../../dist/embedded/cluster.js';
import type { Embedded } from '../../dist/embedded/embedded.js';

const BIN = '/usr/lib/postgresql/15/bin';
const EXTENSION = '/usr/share/postgresql/15/extension/pgq.control';

export async function startDebian({
  settings,
  durable,
}: {
  readonly settings: Readonly<Record<string, string>>;
  readonly durable: boolean;
}): Promise<Embedded> {
  if (!existsSync(`${BIN}/postgres`) || !existsSync(EXTENSION))
    throw new Error('This needs PostgreSQL 15 with pgq: apt-get install postgresql-15 postgresql-15-pgq3');
  return await startCluster({
    binaries: () => ({ initdb: `${BIN}/initdb`, postgres: `${BIN}/postgres`, env: {}, place() {} }),
    settings,
    durable,
  });
}
