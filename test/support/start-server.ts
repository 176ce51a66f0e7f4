// A server of the provider's kind, with the settings that all tests share.
import type { Cluster } from '../../src/embedded/cluster.ts';
import { type EmbeddedOptions, startEmbedded } from '../../src/embedded/embedded.ts';
import { startPostgres15 } from './postgres15.ts';
import { provider } from './provider.ts';

/** A server that a test may stop, kill and restart. */
export type TestServer = Cluster;

export function startServer({ settings = {}, ...options }: EmbeddedOptions = {}): Promise<TestServer> {
  const start = provider() === 'extension' ? startPostgres15 : startEmbedded;
  return start({ ...options, settings: { max_prepared_transactions: '20', ...settings } });
}
