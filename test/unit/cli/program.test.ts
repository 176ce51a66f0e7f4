// The command line itself: exit codes, suggestions, where what is printed. Commands have their own tests.
import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { makeLog } from '../../../src/cli/log.ts';
import { StopSwitch } from '../../../src/cli/stop-switch.ts';
import { givenFile } from '../../support/installation/config-file.ts';
import { run } from '../../support/processes/run-cli.ts';

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

  test.each([['-v'], ['-V'], ['version']])('%s does the same', async (word) => {
    expect(await run([word])).toEqual(await run(['--version']));
  });

  test('commands are listed in groups, with examples and where the documentation is', async () => {
    const { stdout } = await run(['--help']);
    const groups = [...stdout.matchAll(/^(First steps|Run|Look|Act|More):$/gm)].map(([, group]) => group);
    expect(groups).toEqual(expect.arrayContaining(['First steps', 'Run', 'Look', 'Act']));
    for (const command of ['demo', 'install', 'start', 'lag', 'repair', 'send'])
      expect(stdout.match(new RegExp(`^ {2}${command} `, 'gm'))).toHaveLength(1);
    expect(stdout).toContain('Examples:');
    expect(existsSync(/^Documentation: (.+)$/m.exec(stdout)?.[1] ?? '')).toBe(true);
  });

  test('help is broken between words on a narrow terminal', async () => {
    let text = '';
    const stdout = {
      isTTY: true,
      columns: 40,
      write: (more: string) => {
        text += more;
      },
    };
    await run(['lag', '--help'], { stdout });
    expect(text.split('\n').filter((line) => line.length > 40)).toEqual([]);
  });

  test('an unknown level of the log is a sentence of the service that logs', async () => {
    const ran = await run(['mover'], { env: { TRIBUTARY_LOG: 'loud' } });
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain('TRIBUTARY_LOG must be one of trace, debug, info');
  });

  test('a service that reads its file again outlives a hang-up that comes before it has read it at all', async () => {
    const listens = async (command: string) => {
      let listening = 0;
      const onHangUp = () => {
        listening += 1;
      };
      expect((await run(['-c', givenFile('name: 7'), command], { onHangUp })).code).toBe(2);
      return listening;
    };
    for (const [command, count] of [
      ['mover', 1],
      ['start', 1],
      ['work', 1],
      ['lag', 0],
    ] as const)
      expect([command, await listens(command)]).toEqual([command, count]);
  });

  test('an unknown command is wrong usage, and the nearest one is named', async () => {
    const ran = await run(['sned']);
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).toContain("unknown command 'sned'");
    expect(ran.stderr).toContain('Did you mean send?');
  });

  test('no command is wrong usage, and help is shown on stderr', async () => {
    const ran = await run([]);
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).toContain('First steps:');
  });

  test('an unknown option is wrong usage, and the nearest one is named', async () => {
    const ran = await run(['--confg', 'x.yaml']);
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).toContain("unknown option '--confg'");
    expect(ran.stderr).toContain('Did you mean --config?');
  });
});

describe('cli/context', () => {
  test('a configuration with mistakes prints them all on stderr and ends with 2', async () => {
    const file = givenFile('central: x\n');
    const ran = await run(['-c', file, 'send', 'orders', '--shard', 'a', '--data', 'x']);
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr.trimEnd().split('\n')).toEqual([
      expect.stringContaining(`${file}:1:1 \`shards\` is missing`),
      expect.stringContaining(`${file}:1:1 \`queues\` is missing`),
      expect.stringContaining(`${file}:1:10 \`central\` must be a URL`),
    ]);
  });

  test('TRIBUTARY_CONFIG names the file, and -c wins over it, before or behind the command', async () => {
    const send = ['send', 'orders', '--shard', 'a', '--data', 'x'];
    const env = { TRIBUTARY_CONFIG: 'env.yaml' };
    expect((await run(send, { env })).stderr).toContain('env.yaml:1:1 The configuration does not exist');
    expect((await run(['-c', 'own.yaml', ...send], { env })).stderr).toContain('own.yaml:1:1');
    expect((await run([...send, '-c', 'own.yaml'], { env })).stderr).toContain('own.yaml:1:1');
    expect((await run(send)).stderr).toContain('shards.yaml:1:1');
  });
});

describe('cli/log', () => {
  test('a line is JSON, and secrets are blanked', async () => {
    let text = '';
    const log = await makeLog({ write: (line: string) => (text += line) }, {});
    log.info({ shard: { password: 's3cret', name: 'a' }, token: 's3cret' }, 'hello');
    expect(JSON.parse(text)).toMatchObject({
      msg: 'hello',
      token: '***',
      shard: { name: 'a', password: '***' },
    });
  });

  test('a terminal gets a line for people', async () => {
    let text = '';
    const log = await makeLog({ write: (line: string) => (text += line), isTTY: true }, {});
    log.warn({ shard: 'a' }, 'hello');
    expect(text).toContain('hello');
    expect(() => JSON.parse(text)).toThrow();
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
