// PostgreSQL from the npm registry, for the demo and the tests: nothing to install, nothing left behind.
import { bundledBinaries, findNative } from './binaries.ts';
import { type Cluster, startCluster } from './cluster.ts';

export type Embedded = Cluster;

export interface EmbeddedOptions {
  /** Server settings, e.g. `{ max_prepared_transactions: '20' }`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Survive a power cut, at the price of waiting for the disk; default false. */
  readonly durable?: boolean;
  readonly maxConnections?: number;
  /** Default: a free one. */
  readonly port?: number | undefined;
  /** A role, made later, that every user of this machine may use without a password: give it no rights that matter. */
  readonly trusted?: string;
}

/** @throws TributaryError in one sentence when this platform or installation has no PostgreSQL to start. */
export async function startEmbedded({
  settings = {},
  durable = false,
  maxConnections = 100,
  port,
  trusted,
}: EmbeddedOptions = {}): Promise<Embedded> {
  const native = findNative();
  return startCluster({
    binaries: (folder, account) => bundledBinaries(native, folder, account),
    settings: { max_connections: String(maxConnections), ...settings },
    durable,
    port,
    trusted,
  });
}
