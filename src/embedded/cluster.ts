// One PostgreSQL server of our own in a temporary folder, stopped and removed however this process ends.
//
// Invariant: everything of the server is inside one folder, and the keeper removes that folder.
// Order: folder, keeper, programs, initdb, start; the keeper comes before there is anything to leave behind.
// Fails by: a port taken between choosing and binding (another is chosen); anything else in one sentence.
import { randomBytes } from 'node:crypto';
import { TributaryError } from '../errors/tributary-error.ts';
import { wait } from '../lifecycle/wait.ts';
import { type Account, serverAccount } from './account.ts';
import type { Binaries } from './binaries.ts';
import { type Folder, makeFolder } from './folder.ts';
import { Keeper } from './keeper.ts';
import { freePort } from './port.ts';
import { verifierOf } from './verifier.ts';

/** A running server and what to do with it. */
export interface Cluster {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly dataDir: string;
  /** Removed with everything in it when the server ends, however that happens. */
  readonly folder: string;
  /** Ends the server at once and removes its folder. Safe to call more than once. */
  stop(): Promise<void>;
  /** An immediate shutdown: nothing is written, the next start recovers as after a crash. */
  kill(how: 'immediate'): Promise<void>;
  /** Stops (if it runs) and starts on the same port and data. */
  restart(): Promise<void>;
}

export interface ClusterOptions {
  /** The programs; `folder` is the server's own. */
  readonly binaries: (folder: string, account: Account | undefined) => Binaries;
  readonly settings: Readonly<Record<string, string>>;
  /** False: initdb and server never wait for the disk. */
  readonly durable: boolean;
  /** Default: a free one. */
  readonly port?: number | undefined;
  /** A role that needs no password, from this machine. */
  readonly trusted?: string | undefined;
}

const HOST = '127.0.0.1';
const USER = 'postgres';
const TIMEOUT_MS = 120_000;
const READY_POLL_MS = 10;
const START_ATTEMPTS = 5;

/** @throws TributaryError with one sentence when there is no way to run PostgreSQL here. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const account = serverAccount();
  const folder = makeFolder(account);
  const password = randomBytes(18).toString('base64url');
  const binaries = options.binaries(folder.path, account);
  const keeper = new Keeper(folder.path, {
    initdb: initdbCommand(binaries, folder, options),
    postgres: postgresCommand(binaries, folder, options),
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC', ...binaries.env },
    account,
  });
  try {
    binaries.place();
    folder.writePassword(verifierOf(password));
    await initialise(keeper, folder);
    if (options.trusted !== undefined) folder.trust(options.trusted);
    const port =
      options.port === undefined
        ? await firstStart(keeper, folder)
        : await startOn(options.port, { keeper, folder });
    return runningCluster(keeper, { folder, port, password });
  } catch (error) {
    await keeper.dismiss(TIMEOUT_MS);
    throw error;
  }
}

function initdbCommand({ initdb }: Binaries, folder: Folder, { durable }: ClusterOptions): string[] {
  return [
    initdb,
    `--pgdata=${folder.data}`,
    `--username=${USER}`,
    `--pwfile=${folder.passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    ...(durable ? [] : ['--no-sync']),
  ];
}

function postgresCommand({ postgres }: Binaries, folder: Folder, options: ClusterOptions): string[] {
  const settings: Record<string, string> = {
    listen_addresses: HOST,
    unix_socket_directories: '',
    log_min_messages: 'fatal',
    ...(options.durable ? {} : { fsync: 'off', full_page_writes: 'off' }),
    ...options.settings,
  };
  return [
    postgres,
    '-D',
    folder.data,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
}

function runningCluster(
  keeper: Keeper,
  { folder, port, password }: { folder: Folder; port: number; password: string },
): Cluster {
  let isRunning = true;
  const end = async (signal: 'INT' | 'QUIT') => {
    if (!isRunning) return;
    keeper.send(signal);
    if ((await keeper.answer('ended', TIMEOUT_MS)) === undefined) {
      throw failure(`PostgreSQL did not stop within ${TIMEOUT_MS / 1000} s.`);
    }
    isRunning = false;
  };
  return {
    host: HOST,
    port,
    user: USER,
    password,
    dataDir: folder.data,
    folder: folder.path,
    stop: () => keeper.dismiss(TIMEOUT_MS),
    kill: () => end('QUIT'),
    async restart() {
      await end('INT');
      await start(keeper, folder, port);
      isRunning = true;
    },
  };
}

async function initialise(keeper: Keeper, folder: Folder): Promise<void> {
  keeper.send('init');
  const code = await keeper.answer('ended', TIMEOUT_MS);
  if (code !== 0) throw failure(`PostgreSQL could not be set up: ${folder.lastWords()}`);
  folder.removePassword();
}

/** On a port of our choice; where another process takes it first, on another. */
async function firstStart(keeper: Keeper, folder: Folder): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    try {
      await start(keeper, folder, port);
      return port;
    } catch (error) {
      if (!isTaken(error) || attempt === START_ATTEMPTS) throw error;
    }
  }
}

async function startOn(
  port: number,
  { keeper, folder }: { keeper: Keeper; folder: Folder },
): Promise<number> {
  try {
    await start(keeper, folder, port);
    return port;
  } catch (error) {
    if (!isTaken(error)) throw error;
    throw new TributaryError(`Another program listens on ${HOST}:${port}.`, {
      code: 'embedded-port',
      kind: 'misconfigured',
      cause: error,
    });
  }
}

const isTaken = (error: unknown): boolean => error instanceof Error && /TCP\/IP sockets/.test(error.message);

async function start(keeper: Keeper, folder: Folder, port: number): Promise<void> {
  keeper.send(`start ${port}`);
  const pid = await keeper.answer('started', TIMEOUT_MS);
  const deadline = performance.now() + TIMEOUT_MS;
  while (pid === undefined || !folder.saysReady(pid)) {
    if (keeper.hasAnswer) {
      await keeper.answer('ended', TIMEOUT_MS);
      throw failure(`PostgreSQL did not start: ${folder.lastWords()}`);
    }
    if (performance.now() > deadline) {
      throw failure(`PostgreSQL was not ready within ${TIMEOUT_MS / 1000} s: ${folder.lastWords()}`);
    }
    await wait(READY_POLL_MS);
  }
}

function failure(sentence: string): TributaryError {
  return new TributaryError(sentence, { code: 'embedded-failed', kind: 'misconfigured' });
}
