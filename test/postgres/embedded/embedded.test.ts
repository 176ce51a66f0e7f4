// The embedded server: it starts anywhere, survives what tests do to it, and never outlives its owner.
import { chmodSync, existsSync, readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findNative } from '../../../src/embedded/binaries.ts';
import { startEmbedded } from '../../../src/embedded/embedded.ts';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
import { Connection } from '../../../src/postgres/connection.ts';
import { givenFolder } from '../../support/files.ts';
import { commandLines, startProcess } from '../../support/processes/process.ts';
import { databaseOn, type ServerAddress } from '../../support/server/template.ts';
import { until } from '../../support/until.ts';

describe('embedded/embedded', () => {
  test('a server accepts its password and no other, and its databases are UTF8', async () => {
    const server = await startEmbedded();
    try {
      expect(await ask(server, `select current_setting('server_encoding') as answer`)).toBe('UTF8');
      await expect(ask({ ...server, password: 'wrong' }, 'select 1 as answer')).rejects.toThrow(/password/);
    } finally {
      await server.stop();
    }
  });

  test('a restart keeps port and data', async () => {
    const server = await startEmbedded();
    try {
      await ask(server, 'create table kept as select 7 as answer');
      await server.restart();
      expect(await ask(server, 'select answer from kept')).toBe(7);
    } finally {
      await server.stop();
    }
  });

  test('after an immediate shutdown the server recovers what was committed', async () => {
    const server = await startEmbedded({ durable: true });
    try {
      await ask(server, 'create table kept as select 7 as answer');
      await server.kill('immediate');
      await expect(ask(server, 'select 1 as answer')).rejects.toThrow(/ECONNREFUSED/);
      await server.restart();
      expect(await ask(server, 'select answer from kept')).toBe(7);
    } finally {
      await server.stop();
    }
  });

  test('a stopped server leaves no process and no folder, and may be stopped again', async () => {
    const server = await startEmbedded();
    const folder = dirname(server.dataDir);
    expect(processesAbout(folder)).not.toEqual([]);
    await server.stop();
    await server.stop();
    expect(processesAbout(folder)).toEqual([]);
    expect(existsSync(folder)).toBe(false);
  });

  test.each([
    ['SIGKILL', 'is starting', 'postmaster.opts'],
    ['SIGTERM', 'is starting', 'postmaster.opts'],
    ['SIGKILL', 'is being set up', 'PG_VERSION'],
  ] as const)('nothing is left when its owner gets %s once it %s', async (signal, _when, file) => {
    const folder = givenTemporaryRoot();
    const owner = startProcess([process.execPath, '--input-type=module', '--eval', OWNER], {
      env: { TMPDIR: folder },
    });
    await until(() => readdirSync(folder).some((name) => existsSync(`${folder}/${name}/data/${file}`)), {
      what: `the server's ${file}`,
    });
    expect(processesAbout(folder)).not.toEqual([]);
    owner.kill(signal);
    await owner.exit;
    await until(() => processesAbout(folder).length === 0, { what: 'the end of its processes' });
    await until(() => readdirSync(folder).length === 0, { what: 'the end of its folder' });
  });

  test('a setting that the server refuses ends in one sentence', async () => {
    await expect(startEmbedded({ settings: { max_connections: 'many' } })).rejects.toThrow(
      /^PostgreSQL did not start: .*"max_connections".*"many"$/,
    );
  });

  test('a platform without embedded PostgreSQL is named, and for one that is not installed there is a remedy', () => {
    expect(() => findNative('win32-x64')).toThrow(
      /There is no embedded PostgreSQL for win32-x64\. It exists for/,
    );
    const other = process.platform === 'darwin' ? 'linux-arm64' : 'darwin-arm64';
    expect(() => findNative(other)).toThrow(/is not installed\. Run `npm install`/);
  });
});

/** A program with a server that never stops it. */
const OWNER = `
  import { startEmbedded } from ${JSON.stringify(`file://${packagePath('dist/embedded/embedded.js')}`)};
  await startEmbedded();
  setInterval(() => {}, 1000);
`;

/** A temporary folder that the server's account may enter. */
function givenTemporaryRoot(): string {
  const folder = givenFolder();
  chmodSync(folder, 0o777);
  return folder;
}

async function ask(server: ServerAddress, text: string): Promise<unknown> {
  const connection = await Connection.open(databaseOn(server, 'postgres'), { applicationName: 'test' });
  try {
    return (await connection.query<{ answer: unknown }>(text))[0]?.answer;
  } finally {
    await connection.close();
  }
}

/** Command lines that name `folder`. */
const processesAbout = (folder: string) => commandLines().filter((line) => line.includes(folder));
