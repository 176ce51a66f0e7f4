// What systemd gets to hear, over a socket like its own.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { givenFolder } from '../../support/files.ts';
import { givenFile } from '../../support/installation/config-file.ts';
import { fileFor, givenCluster } from '../../support/installation/installation.ts';
import { runTributary, startProcess, startTributary } from '../../support/processes/process.ts';
import { until } from '../../support/until.ts';

/** Prints each datagram that comes, on one line. */
const LISTENER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('listening', flush=True)
while True:
    data, fds, _, _ = socket.recv_fds(s, 4096, 4)
    print(data.decode().strip().replace('\\n', ' | '), flush=True)
    for fd in fds:
        __import__('os').close(fd)
`;

const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;

describe.skipIf(!has('systemd-notify') || !has('python3'))('systemd', () => {
  test('is told that a service is ready and alive, and that it stops; its workers know nothing of it', async () => {
    const cluster = await givenCluster({ shards: 1 });
    const handler = `export default { setup() { console.error('socket in the worker: ' + process.env.NOTIFY_SOCKET); }, event() {} };`;
    const queues = '  orders: { create: true, workers: 1, handler: ./handler.mjs }';
    const file = givenFile(fileFor(cluster, { queues }), { others: { 'handler.mjs': handler } });
    expect(await runTributary(['-c', file, 'install'])).toMatchObject({ code: 0 });
    const socket = join(givenFolder(), 'notify');
    const listener = startProcess(['python3', '-c', LISTENER, socket]);
    await listener.waitForLine(/listening/);
    const env = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '300000' };
    const host = startTributary(['-c', file, 'start', '--host', '127.0.0.1'], { env });
    await listener.waitForLine(/^READY=1 \| STATUS=moving the shards of 127\.0\.0\.1, working on orders$/);
    const alive = () => listener.stdout.filter((line) => line === 'WATCHDOG=1').length;
    await until(() => alive() > 3, { what: 'signs of life', timeoutMs: 60_000 });
    await host.waitForLine(/socket in the worker: undefined/);
    host.kill('SIGTERM');
    await listener.waitForLine(/^STOPPING=1/);
    expect((await host.exit).code).toBe(0);
  });

  test('a file with mistakes is never ready', async () => {
    const socket = join(givenFolder(), 'notify');
    const listener = startProcess(['python3', '-c', LISTENER, socket]);
    await listener.waitForLine(/listening/);
    const ran = await runTributary(['-c', givenFile('name: 7'), 'start'], { env: { NOTIFY_SOCKET: socket } });
    expect(ran.code).toBe(2);
    expect(listener.stdout).toEqual(['listening']);
  });
});
