// A server for the provider of this run, with the settings that all tests share.
import type { Cluster } from '../../../src/embedded/cluster.ts';
import { type EmbeddedOptions, startEmbedded } from '../../../src/embedded/embedded.ts';
import { startMajor } from './matrix.ts';
import { startPostgres15 } from './postgres15.ts';
import { EMBEDDED_MAJOR, postgresMajor, provider } from './provider.ts';

/** A server that a test may stop, kill and restart. */
export type TestServer = Cluster;

export function startServer({ settings = {}, ...options }: EmbeddedOptions = {}): Promise<TestServer> {
  return starter()({ ...options, settings: { max_prepared_transactions: '20', ...settings } });
}

function starter(): (options: EmbeddedOptions) => Promise<TestServer> {
  if (provider() === 'extension') return startPostgres15;
  const major = postgresMajor();
  return major === EMBEDDED_MAJOR ? startEmbedded : (options) => startMajor(major, options);
}
