// The command line as a process: exit codes, closed pipes, signals; what cannot be seen from inside.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
import { givenFile } from '../../support/installation/config-file.ts';
import { fileFor, givenCluster, givenQueue } from '../../support/installation/installation.ts';
import { isAlive, runTributary, startProcess } from '../../support/processes/process.ts';
import type { TestDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';

interface Child {
  readonly stdin: NodeJS.WritableStream;
  readonly output: { stdout: string; stderr: string };
  readonly exit: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
  closeStdout(): void;
}

/** Unlike `startTributary`, with a stdin that stays open. */
function start(args: readonly string[]): Child {
  const child = spawn(process.execPath, [packagePath('dist', 'run', 'tributary.js'), ...args]);
  onTestFinished(() => void child.kill('SIGKILL'));
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (text) => {
    output.stdout += text;
  });
  child.stderr.on('data', (text) => {
    output.stderr += text;
  });
  child.stdin.on('error', () => {});
  return {
    stdin: child.stdin,
    output,
    exit: new Promise((resolve) => child.once('close', resolve)),
    kill: (signal) => void child.kill(signal),
    closeStdout: () => child.stdout.destroy(),
  };
}

/** Forks a program, says its process id, and is dead after so many ms. */
const MORTAL = `
  import { fork } from 'node:child_process';
  const [ms, program, ...args] = process.argv.slice(1);
  const child = fork(program, args, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'], execArgv: [] });
  process.stdout.write(child.pid + '\\n', () => setTimeout(() => process.kill(process.pid, 'SIGKILL'), Number(ms)));
`;

/** A server that accepts connections and never says a word. */
async function givenSilence(): Promise<{ port: number; connections: Socket[]; server: Server }> {
  const connections: Socket[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    connections.push(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of connections) socket.destroy();
    server.close();
  });
  return { port: (server.address() as { port: number }).port, connections, server };
}

describe('cli/main', () => {
  test('results are on stdout, mistakes on stderr, and the exit code tells which', async () => {
    expect(await runTributary(['--version'])).toMatchObject({ code: 0, stderr: '' });
    const wrong = await runTributary(['-c', '/nowhere.yaml', 'send', 'q', '--shard', 's', '--data', 'x']);
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
    expect(wrong.stderr).toBe(
      '/nowhere.yaml:1:1 The configuration does not exist: write one with `tributary init`, or name another with -c.',
    );
  });

  test('a reader that closes the pipe ends the command quietly, as it ends other programs', async () => {
    const child = start(['--help']);
    child.closeStdout();
    expect(await child.exit).toBe(128 + constants.signals.SIGPIPE);
    expect(child.output.stderr).toBe('');
  });

  test.skipIf(!existsSync('/dev/full'))('output that cannot be written is a failure', async () => {
    const program = packagePath('dist', 'run', 'tributary.js');
    const shell = startProcess(['sh', '-c', `'${process.execPath}' '${program}' --help > /dev/full`]);
    expect((await shell.exit).code).toBe(1);
    expect(shell.stderr.join('\n')).toMatch(/^What is printed cannot be written: ENOSPC/);
  });

  test('Ctrl-C at once ends a command that has nothing to drain, with 1', async () => {
    const { port, connections } = await givenSilence();
    const url = `postgresql://u:p@127.0.0.1:${port}/app`;
    const file = givenFile(`central: ${url}1\nshards: [${url}]\nqueues: { orders: }\n`);
    const child = start(['-c', file, 'send', 'orders', '--shard', 'app', '--data', 'x']);
    await until(() => connections.length > 0, { what: 'the connection' });
    child.kill('SIGINT');
    expect(await child.exit).toBe(1);
    expect(child.output).toEqual({ stdout: '', stderr: '' });
  });

  test('a service that gets a signal to stop while it is being loaded has not failed', async () => {
    const cluster = await givenCluster();
    const file = givenFile(fileFor(cluster, { queues: '  orders: { workers: none, create: true }' }));
    for (const command of ['mover', 'work', 'start']) {
      for (let ms = 60; ms <= 300; ms += 40) {
        const child = start(['-c', file, command, '--host', '127.0.0.1']);
        await sleep(ms);
        child.kill('SIGTERM');
        const code = await child.exit;
        // Before it can hear anything it is simply ended; told later, it may have seen that central is not installed, or
        // that nothing in the file has workers.
        expect([null, 0, 2], `${command} after ${ms} ms: ${child.output.stderr}`).toContain(code);
      }
    }
  });

  test('a forked process whose parent died while it was being loaded ends as well', async () => {
    const cluster = await givenCluster();
    const file = givenFile(fileFor(cluster, { queues: '  orders: { workers: none, create: true }' }), {
      others: { 'endless.mjs': 'setInterval(() => {}, 1_000); await new Promise(() => {});' },
    });
    expect((await runTributary(['-c', file, 'install'])).code).toBe(0);
    const forked = [
      [packagePath('dist', 'run', 'tributary.js'), '-c', file, 'mover', '--host', '127.0.0.1'],
      [packagePath('dist', 'run', 'worker.js')],
      [packagePath('dist', 'handler', 'probe.js'), join(dirname(file), 'endless.mjs')],
    ];
    for (const [program, ...args] of forked) {
      for (const ms of [0, 60, 120, 180, 250, 400]) {
        const parent = startProcess([
          process.execPath,
          '--input-type=module',
          '-e',
          MORTAL,
          String(ms),
          ...[program ?? '', ...args],
        ]);
        const pid = Number(await parent.waitForLine(/^\d+$/));
        await until(() => !isAlive(pid), {
          what: `the end of ${program} whose parent died after ${ms} ms`,
          timeoutMs: 20_000,
        });
      }
    }
  });

  test('SIGTERM lets a command finish what it began', async () => {
    const cluster = await givenCluster();
    const shard = cluster.shards[0] as TestDatabase;
    await givenQueue(shard, 'orders');
    const file = givenFile(fileFor(cluster, { queues: '  orders: { workers: none }' }));
    const child = start(['-c', file, 'send', 'orders', '--shard', 's1']);
    child.stdin.write('{"data":"x"}\n'.repeat(1_200));
    const stored = async () => (await shard.query('select 1 from pgq.event_1')).length;
    await until(async () => (await stored()) === 1_000, { what: 'the first transaction' });
    child.kill('SIGTERM');
    expect(await child.exit).toBe(1);
    expect(child.output.stderr).toBe('Stopped after line 1,200. The 1,200 events before are stored.\n');
    expect(await stored()).toBe(1_200);
  });
});
