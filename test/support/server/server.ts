// Own servers for tests that stop, kill or restart theirs.
import type { EmbeddedOptions } from '../../../src/embedded/embedded.ts';
import { afterEachFile } from '../after-file.ts';
import { startServer, type TestServer } from './start-server.ts';

export type { TestServer };

const started: TestServer[] = [];

afterEachFile(async () => {
  await Promise.all(started.splice(0).map((server) => server.stop()));
});

/** A server of the provider's kind for this test file alone, stopped and removed after it. */
export async function givenServer(options: EmbeddedOptions = {}): Promise<TestServer> {
  const server = await startServer(options);
  started.push(server);
  return server;
}
