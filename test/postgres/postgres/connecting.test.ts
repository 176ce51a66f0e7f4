// A database reached in the ways that libpq knows, by the command line as it is built.
import { existsSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { givenFolder, writeFile } from '../../support/files.ts';
import { runTributary } from '../../support/processes/process.ts';
import { givenDatabase } from '../../support/server/database.ts';

/** Nothing of the machine's own settings. */
const NOTHING = {
  ...{
    PGHOST: undefined,
    PGPORT: undefined,
    PGUSER: undefined,
    PGPASSWORD: undefined,
    PGDATABASE: undefined,
  },
  ...{ PGSERVICE: undefined, PGSERVICEFILE: undefined, PGPASSFILE: undefined },
};

/** The engine goes into an empty database: who can do that has reached it. */
async function installs(url: string, env: Readonly<Record<string, string | undefined>>) {
  return await runTributary(['install', '--engine-only', url], { env: { ...NOTHING, ...env } });
}

async function given() {
  const { host, port, user, password } = inject('server');
  const { name } = await givenDatabase({ pgq: false });
  return { host, port: String(port), user, password, name };
}

describe('postgres/connecting', () => {
  test('connects by variables alone', async () => {
    const { host, port, user, password, name } = await given();
    const env = { PGHOST: host, PGPORT: port, PGUSER: user, PGPASSWORD: password, PGDATABASE: name };
    expect(await installs('postgresql://', env)).toMatchObject({ code: 0, stderr: '' });
  });

  test('connects by a service, with the password from a file', async () => {
    const { host, port, user, password, name } = await given();
    const folder = givenFolder();
    const PGSERVICEFILE = writeFile(folder, 'services', {
      text: `[shop]\nhost=${host}\nport=${port}\nuser=${user}\n`,
    });
    const PGPASSFILE = writeFile(folder, 'pass', { text: `*:*:*:${user}:${password}\n`, mode: 0o600 });
    const ran = await installs(`postgresql:///${name}`, { PGSERVICEFILE, PGPASSFILE, PGSERVICE: 'shop' });
    expect(ran).toMatchObject({ code: 0, stderr: '' });
  });

  test('connects by a socket', async () => {
    const { host, port, user, password, name } = await given();
    const folder = givenFolder();
    const sockets = createServer((socket) => {
      const server = connect(Number(port), host);
      socket.pipe(server).pipe(socket);
      for (const end of [socket, server]) end.on('error', () => {});
    });
    await new Promise<void>((resolve) => sockets.listen(join(folder, '.s.PGSQL.6000'), resolve));
    onTestFinished(() => void sockets.close());
    expect(existsSync(join(folder, '.s.PGSQL.6000'))).toBe(true);
    const env = { PGUSER: user, PGPASSWORD: password };
    const encoded = encodeURIComponent(folder);
    expect(await installs(`postgresql://${encoded}:6000/${name}`, env)).toMatchObject({
      code: 0,
      stderr: '',
    });
    const again = await installs(`postgresql:///${name}?host=${folder}&port=6000&sslmode=require`, env);
    expect(again).toMatchObject({ code: 0, stderr: '' });
    expect(again.stdout).toContain('unchanged');
  });

  test('where TLS is preferred and not offered it connects without; where TLS is required it does not', async () => {
    const { host, port, user, password, name } = await given();
    const url = `postgresql://${user}:${password}@${host}:${port}/${name}`;
    expect(await installs(`${url}?sslmode=prefer`, {})).toMatchObject({ code: 0, stderr: '' });
    const bound = await installs(`${url}?channel_binding=require`, {});
    expect(bound.code).toBe(1);
    expect(bound.stderr).toBe(
      'The server does not offer channel binding, which channel_binding=require asks for. Use TLS and a password stored as scram-sha-256, or take the parameter out of the URL.',
    );
  });
});
