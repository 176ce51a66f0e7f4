// The demo as users run it: it proves itself, and leaves nothing behind however it ends.
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { FILE_PORT } from '../../../src/cli/demo/file.ts';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
import { givenFolder, writeFile } from '../../support/files.ts';
import { startProcess } from '../../support/processes/process.ts';
import { run } from '../../support/processes/run-cli.ts';
import { until } from '../../support/until.ts';
import { startDemo } from './demo.ts';

const SMALL = ['--shards', '2', '--rate', '200', '--for', '3s'];
const ROUNDS = Number(process.env.TRIBUTARY_DEMO_ROUNDS ?? 4);
/** By when the demo is over, on a machine with other things to do. */
const LATEST_MS = 9_000;

describe.skipIf(process.platform !== 'linux')('cli/demo', () => {
  test('with a mover and a worker killed the proof holds, and the exit code is 0', async () => {
    const demo = startDemo(...SMALL);
    expect(await demo.process.exit).toEqual({ code: 0, signal: null });
    const said = demo.process.stdout.join('\n');
    expect(said).toMatch(/^killed the mover \(pid \d+\) with SIGKILL$/m);
    expect(said).toMatch(/^a new mover took over after [\d.]+ s$/m);
    expect(said).toMatch(/^killed the worker orders#\d \(pid \d+\) with SIGKILL$/m);
    expect(said).toMatch(/^a new orders#\d was at work after [\d.]+ s$/m);
    expect(said).toMatch(/^Proved: [\d,]+ events committed = moved = handled, 0 lost, 0 twice, order kept/m);
    expect(demo.process.stderr).toEqual([]);
    expect(demo.leftovers()).toEqual([]);
  });

  test('with --http it says where its dashboard is, which may change things', async () => {
    const demo = startDemo(...SMALL, '--http');
    const said = /^The dashboard: (http:\/\/127\.0\.0\.1:\d+\/)$/;
    const url = said.exec(await demo.process.waitForLine(said, { timeoutMs: 60_000 }))?.[1] ?? '';
    const page = await until(async () => await (await fetch(url)).text(), { what: 'the page' });
    expect(page).toContain('<title>Tributary</title>');
    const stop = new AbortController();
    const stream = await fetch(`${url}api/stream`, { signal: stop.signal });
    const first = await stream.body?.getReader().read();
    expect(new TextDecoder().decode(first?.value)).toMatch(/event: layout\ndata: .*"actions":true/);
    stop.abort();
    expect(await demo.process.exit).toEqual({ code: 0, signal: null });
    expect(demo.leftovers()).toEqual([]);
  });

  test(`interrupted at ${ROUNDS} random moments it leaves no process and no folder`, async () => {
    const seed = Number(process.env.TRIBUTARY_SEED ?? Math.floor(Math.random() * 2 ** 31));
    process.stderr.write(`TRIBUTARY_SEED=${seed}\n`);
    const random = randomFrom(seed);
    for (let round = 0; round < ROUNDS; round += 1) {
      const demo = startDemo(...SMALL);
      const signal = (['SIGINT', 'SIGTERM', 'SIGKILL'] as const)[round % 3] ?? 'SIGINT';
      const afterMs = Math.round(300 + random() * LATEST_MS);
      const isOver = await Promise.race([demo.process.exit.then(() => true), sleep(afterMs, false)]);
      demo.process.kill(signal);
      const end = await demo.process.exit;
      const what = `the end of everything after ${signal} at ${afterMs} ms`;
      // Those that it forked end by themselves when it is killed.
      await until(() => demo.leftovers().length === 0, { what: `${what}: ${demo.leftovers()}` });
      if (isOver) continue;
      // What comes when all is proved interrupts nothing.
      const isProved = demo.process.stdout.some((line) => line.startsWith('Proved: '));
      if (signal === 'SIGKILL') expect(end.signal).toBe('SIGKILL');
      // Before the process can catch it, and before it has begun anything.
      else if (end.code === null) expect([end.signal, demo.process.stdout]).toEqual([signal, []]);
      else if (isProved && end.code === 0) expect(demo.process.stderr).toEqual([]);
      else {
        expect([end.code, what]).toEqual([1, what]);
        expect(demo.process.stderr.join('\n')).toMatch(/^(Interrupted: .*\.)?$/);
      }
    }
  });

  test('with --keep every command that it prints works as printed, until Ctrl-C', async () => {
    const demo = startDemo('--rate', '200', '--for', '2s', '--keep');
    await demo.process.waitForLine(/Ctrl-C ends it/, { timeoutMs: 90_000 });
    expect(demo.process.stdout.join('\n')).toContain('Proved: ');
    const printed = demo.process.stdout.flatMap(
      (line) => /^ {2}(npx tributary .*?)\s+# /.exec(line)?.[1] ?? [],
    );
    const said = new Map<string, string>();
    // npx takes four times as long as what it starts: what it does is seen with the first one.
    const folder = givenFolder();
    const text = `#!/bin/sh\nshift\nexec '${process.execPath}' dist/run/tributary.js "$@"\n`;
    writeFile(folder, 'npx', { text, mode: 0o755 });
    for (const [at, command] of printed.entries()) {
      const env = at === 0 ? {} : { PATH: `${folder}:${process.env.PATH}` };
      const shell = startProcess(['sh', '-c', command], { cwd: packagePath(), env });
      const end = await shell.exit;
      // It has found what was paused just before.
      const code = command.endsWith(' doctor') ? 3 : 0;
      expect({ command, ...end, stderr: shell.stderr }).toEqual({
        ...{ command, code, signal: null, stderr: [] },
      });
      said.set(command.replace(/^npx tributary (-c \S+ )?/, ''), shell.stdout.join('\n'));
    }
    expect([...new Set([...said.keys()].map((command) => command.split(' ')[0]))]).toEqual(
      expect.arrayContaining(['lag', 'shards', 'scale', 'send', 'dead', 'pause', 'resume', 'check']),
    );
    expect(said.get('lag')).toContain('sources are healthy');
    expect(said.get('scale orders 6')).toBe('orders: 3 → 6 workers, 3 in the file.');
    expect(said.get('pause --shard shop_8')).toBe('Paused 3 sources.');
    expect(said.get('doctor')).toMatch(/^(risk|BROKEN): 3 sources of shard shop_8 are paused for .* by /m);
    const lag = await run(['-c', packagePath('shards.yaml'), 'lag', '--json']);
    const { sources, central } = JSON.parse(lag.stdout) as { sources: unknown[]; central: unknown[] };
    expect([sources.length, central.length]).toEqual([24, 3]);
    demo.process.kill('SIGINT');
    expect(await demo.process.exit).toEqual({ code: 0, signal: null });
    // Whatever goes wrong while its processes end is still said behind it.
    const { stdout } = demo.process;
    const [last, ...behind] = stdout.slice(stdout.findLastIndex((line) => !line.startsWith('  start: ')));
    expect(last).toMatch(/^Stopped: /);
    expect(behind.length).toBeLessThan(5);
    expect(demo.leftovers()).toEqual([]);
  });

  test('a port that is taken is said in a sentence', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(FILE_PORT, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const demo = startDemo('--keep');
    expect((await demo.process.exit).code).toBe(1);
    expect(demo.process.stderr).toEqual([
      `Another program listens on 127.0.0.1:${FILE_PORT}. shards.yaml has the server of \`demo --keep\` there: end the other one, or leave out --keep.`,
    ]);
    expect(demo.leftovers()).toEqual([]);
  });

  test.each([
    [['--shards', '0'], '--shards must be a whole number from 1 to 64, not 0.'],
    [['--rate', 'fast'], '--rate must be a whole number from 1 to 1000000, not fast.'],
    [['--for', '15'], '--for needs a unit: write `15s` for seconds or `15ms` for milliseconds.'],
    [['--http', 'here'], '--http must be a port or an address such as :7717 or 127.0.0.1:7717, not here.'],
    [['--for', '1s'], '--for must be from 2s to 1h, not 1s.'],
  ])('%j is wrong usage', async (args, sentence) => {
    expect(await run(['demo', ...args])).toMatchObject({ code: 2, stdout: '', stderr: `${sentence}\n` });
  });
});

/** The same numbers from the same seed, from 0 to 1. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
