// Debian's PostgreSQL 15 with the real pgq extension, as a server of the same shape as the embedded one.
import { existsSync } from 'node:fs';
import { type Cluster, startCluster } from '../../../src/embedded/cluster.ts';
import type { EmbeddedOptions } from '../../../src/embedded/embedded.ts';

const BIN = '/usr/lib/postgresql/15/bin';
const EXTENSION = '/usr/share/postgresql/15/extension/pgq.control';

/** @throws Error naming the packages when they are missing: the extension's tests are never skipped. */
export async function startPostgres15({
  settings = {},
  durable = false,
  maxConnections = 100,
}: EmbeddedOptions = {}): Promise<Cluster> {
  if (!existsSync(`${BIN}/postgres`) || !existsSync(EXTENSION)) {
    throw new Error(
      'PostgreSQL 15 with the pgq extension is not installed. Run `apt-get install postgresql-15 postgresql-15-pgq3`.',
    );
  }
  return startCluster({
    binaries: () => ({ initdb: `${BIN}/initdb`, postgres: `${BIN}/postgres`, env: {}, place() {} }),
    settings: { max_connections: String(maxConnections), ...settings },
    durable,
  });
}
