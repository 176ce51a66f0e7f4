// The tests' own processes: what can be read of them, and that none survives its test worker.
import { describe, expect, test } from 'vitest';
import { isAlive, startProcess, stateOf } from '../../support/processes/process.ts';
import { startGuard } from '../../support/processes/process-guard.ts';
import { until } from '../../support/until.ts';

describe('support/process', () => {
  test('a process is read line by line, and its end is known', async () => {
    const process = startProcess(['/bin/sh', '-c', 'echo one; echo two >&2; cat; exit 3'], {
      stdin: 'three\n',
    });
    expect(await process.waitForLine(/^tw/)).toBe('two');
    expect(await process.exit).toEqual({ code: 3, signal: null });
    expect(process.stdout).toEqual(['one', 'three']);
    await expect(process.waitForLine(/four/)).rejects.toThrow(/ended without a line like \/four\/:\none/);
  });

  test('a stopped process is alive, a killed one is not, reaped or not', async () => {
    const { pid, kill, exit } = startProcess(['sleep', '60']);
    kill('SIGSTOP');
    await until(() => stateOf(pid) === 'T', { what: 'a stopped process' });
    expect(isAlive(pid)).toBe(true);
    kill('SIGKILL');
    await exit;
    expect(isAlive(pid)).toBe(false);
  });

  test('a guard whose test worker is gone kills the groups that it was not told to forget', async () => {
    const guard = startGuard();
    const [first, forgotten, last] = [sleeper(), sleeper(), sleeper()];
    for (const { pid } of [first, forgotten, last]) guard.add(pid);
    guard.forget(forgotten.pid);
    guard.abandon();
    await Promise.all([first.exit, last.exit]);
    expect(isAlive(forgotten.pid)).toBe(true);
  });
});

const sleeper = () => startProcess(['/bin/sh', '-c', 'sleep 60 & sleep 60']);
