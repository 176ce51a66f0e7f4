// One PostgreSQL server per run, shared by all projects of the run that need one.
import type { TestProject } from 'vitest/node';
import { sentenceFor } from '../../../src/errors/sentence.ts';
import { postgresMajor, provider, type TestProvider } from './provider.ts';
import { startServer, type TestServer } from './start-server.ts';
import { makeCentralTemplate, makeTemplate } from './template.ts';

/** What tests get from `inject('server')`. */
export interface ServerOfRun {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly provider: TestProvider;
  /** Major version of the server. */
  readonly version: number;
}

declare module 'vitest' {
  interface ProvidedContext {
    server: ServerOfRun;
  }
}

const MAX_CONNECTIONS = 400;
/** Databases live for seconds. Each one that is there would be looked through once a minute, by a process of its own. */
const AUTOVACUUM_EVERY = '5min';

/** Every project loads this file anew, so shared state is kept on the process object. */
const shared = globalThis as { tributaryTestServer?: { users: number; server: Promise<TestServer> } };

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  shared.tributaryTestServer ??= { users: 0, server: start() };
  const run = shared.tributaryTestServer;
  run.users += 1;
  const { host, port, user, password } = await run.server;
  project.provide('server', {
    host,
    port,
    user,
    password,
    provider: provider(),
    version: postgresMajor(),
  });
  return async () => {
    run.users -= 1;
    if (run.users > 0) return;
    delete shared.tributaryTestServer;
    await (await run.server).stop();
  };
}

async function start(): Promise<TestServer> {
  let server: TestServer | undefined;
  try {
    server = await startServer({
      maxConnections: MAX_CONNECTIONS,
      settings: { autovacuum_naptime: AUTOVACUUM_EVERY },
    });
    await makeTemplate(server);
    await makeCentralTemplate(server);
    return server;
  } catch (cause) {
    await server?.stop();
    // The message says what went wrong; a stack trace into this file would not help.
    const error = new Error(`No server for the tests: ${sentenceFor(cause, 'PostgreSQL')}`);
    error.stack = error.message;
    throw error;
  }
}
