// What people give and get: no empty text selects, and no text from elsewhere steers a terminal.
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { makeContext } from '../../../src/cli/context.ts';
import { json } from '../../../src/cli/terminal/output.ts';
import { plain, plainJson, plainLines } from '../../../src/lifecycle/plain.ts';
import { run } from '../../support/processes/run-cli.ts';

const NASTY = '\u001b]52;c;aGk=\u0007\u001b[2J\u009b31mred\u202egnp.\u0000\u007f\r\n forged: \u2028line\ttab';
/** Escapes, other controls, and what turns the direction of writing. */
const STEERS = /[^\n\P{Cc}]|[\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

async function commands(): Promise<string[][]> {
  const names = async (...path: string[]) => {
    const { stdout } = await run([...path, '--help']);
    // The program's own are in groups, with examples behind them.
    const begin = stdout.search(path.length === 0 ? /^First steps:$/m : /^Commands:$/m);
    const listed = begin === -1 ? '' : (stdout.slice(begin).split('\nExamples:')[0] ?? '');
    return [...listed.matchAll(/^ {2}(\w+)/gm)].map(([, name]) => name as string);
  };
  const first = await names();
  const nested = await Promise.all(
    first.map(async (name) => {
      const below = (await names(name)).filter((one) => one !== 'help');
      return below.length === 0 ? [[name]] : below.map((one) => [name, one]);
    }),
  );
  return nested.flat().filter(([name]) => name !== 'help');
}

describe('an empty value, which is a variable that was not set', () => {
  test('is refused for every option of every command, but for what is sent', async () => {
    const accepted: string[] = [];
    let tried = 0;
    for (const command of await commands()) {
      const { stdout } = await run([...command, '--help']);
      const needed = [...(/^Usage: (.*)$/m.exec(stdout)?.[1] ?? '').matchAll(/<\w+>/g)].map(() => 'x');
      const options = [...stdout.matchAll(/--([a-z-]+) </g)].map(([, name]) => `--${name}`);
      for (const option of options) {
        if (option === '--config' || (command[0] === 'send' && ['--type', '--data'].includes(option)))
          continue;
        const others = command[0] === 'send' && option !== '--shard' ? ['--shard', 'x'] : [];
        const { code, stderr } = await run([...command, ...needed, ...others, option, ' ']);
        tried += 1;
        if (code !== 2 || !stderr.includes(option) || stderr.includes('shards.yaml'))
          accepted.push(`${command.join(' ')} ${option}: ${code} ${stderr}`);
      }
    }
    expect(accepted).toEqual([]);
    expect(tried).toBeGreaterThan(20);
  });

  test('is refused as an argument, and as the configuration', async () => {
    expect(await run(['repair', ''])).toMatchObject({ code: 2, stderr: expect.stringContaining('is empty') });
    expect(await run(['dead', 'discard', '1', ''])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('is empty'),
    });
    expect(await run(['-c', '', 'lag'])).toMatchObject({
      code: 2,
      stderr: '--config is empty: give it a value, or leave it out.\n',
    });
  });
});

describe('text from databases and files', () => {
  test('has no control characters, on one line or on several', () => {
    expect(plain(NASTY)).not.toMatch(STEERS);
    expect(plain(NASTY)).not.toContain('\n');
    expect(plainLines(NASTY)).not.toMatch(STEERS);
    expect(plainLines('a\r\nb\nc')).toBe('a\nb\nc');
    expect(plain('Grüße, 世界 👋🏽')).toBe('Grüße, 世界 👋🏽');
  });

  test('is unchanged in JSON, which has no control characters either', () => {
    const value = { text: NASTY, list: [NASTY, 'Grüße'], [NASTY]: 1 };
    expect(JSON.parse(json(value))).toEqual(value);
    expect(json(value)).not.toMatch(STEERS);
    expect(plainJson('{\n  "a": 1\n}')).toBe('{\n  "a": 1\n}');
  });

  test('all output of commands is cleaned in the same way', async () => {
    const written = { stdout: '', stderr: '' };
    const output = (name: keyof typeof written) => ({
      isTTY: true,
      columns: 80,
      write: (text: string) => {
        written[name] += text;
      },
    });
    const io = { stdout: output('stdout'), stderr: output('stderr'), env: {} } as unknown as Parameters<
      typeof makeContext
    >[0];
    const context = await makeContext(io, { configFile: () => 'x', verbatim: io.stdout }).asService();
    context.stdout.write(`${NASTY}\n`);
    context.stderr.write(`${NASTY}\n`);
    expect(written.stdout).not.toMatch(STEERS);
    expect(written.stderr).not.toMatch(STEERS);
    expect([context.stdout.isTTY, context.stdout.columns]).toEqual([true, 80]);
    written.stderr = '';
    context.log.error({ origin: NASTY, err: new Error(NASTY) }, `central refuses ${NASTY}`);
    // Colours are ours, and nothing else.
    expect(stripVTControlCharacters(written.stderr)).not.toMatch(STEERS);
    expect(written.stderr.split('\u001b').filter((part) => !/^\[\d+m/.test(part)).length).toBeLessThan(2);
    expect(written.stderr).toContain('central refuses');
  });
});
