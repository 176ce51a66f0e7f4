// The command line itself: exit codes, suggestions, where what is printed. Commands have their own tests.
import { describe, expect, test } from 'vitest';
import { StopSwitch } from '../../src/cli/stop-switch.ts';
import { run } from '../support/run-cli.ts';

describe('cli/program', () => {
  test('--version prints the version of the package and ends with 0', async () => {
    const ran = await run(['--version']);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test('--help goes to stdout and ends with 0', async () => {
    const ran = await run(['--help']);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.stdout).toContain('Usage: tributary [options]');
  });

  test('an unknown option is wrong usage, and the nearest one is named', async () => {
    const ran = await run(['--confg', 'x.yaml']);
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).toContain("unknown option '--confg'");
    expect(ran.stderr).toContain('Did you mean --config?');
  });
});

describe('cli/stop-switch', () => {
  test('the first signal drains, one within a second is the same one, a later one means now', () => {
    const stop = new StopSwitch();
    const { signal, hardSignal } = stop;
    expect(stop.press(5_000)).toBe('wait');
    expect(stop.press(5_001)).toBe('wait');
    expect([signal.aborted, hardSignal.aborted]).toEqual([true, false]);
    expect(stop.press(6_500)).toBe('wait');
    expect(hardSignal.aborted).toBe(true);
    expect(stop.press(6_600)).toBe('end');
  });

  test('a command that never asked for the signal is ended at once', () => {
    expect(new StopSwitch().press(0)).toBe('end');
  });
});
