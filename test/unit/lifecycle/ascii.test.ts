// What is printed where only ASCII can be shown.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { fitted } from '../../../src/cli/terminal/fit.ts';
import { inAscii, json } from '../../../src/cli/terminal/output.ts';
import { asciiText, isAsciiOnly } from '../../../src/lifecycle/ascii.ts';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
import { run } from '../../support/processes/run-cli.ts';

const ASCII = /^[\x20-\x7e\n]*$/;

describe('lifecycle/ascii', () => {
  test.each([
    [{}, false],
    [{ LANG: 'C' }, true],
    [{ LANG: 'de_DE.ISO-8859-1' }, true],
    [{ LANG: 'en_US.UTF-8' }, false],
    [{ LC_ALL: 'C', LANG: 'en_US.UTF-8' }, true],
    [{ LC_ALL: '', LC_CTYPE: 'C.utf8', LANG: 'C' }, false],
    [{ LC_ALL: 'POSIX' }, true],
  ])('in the environment %o it is %s that only ASCII can be shown', (env, isOnly) => {
    expect(isAsciiOnly(env)).toBe(isOnly);
  });

  test('our own characters have a spelling in ASCII, others are shown by their code', () => {
    expect(asciiText('a → b … Zoë 🐘')).toBe('a -> b ... Zo\\u00eb \\ud83d\\udc18');
  });

  test('a JSON document means the same in ASCII', () => {
    const value = { reason: 'mail… → no', name: 'Zoë 🐘' };
    expect(JSON.parse(asciiText(json(value)))).toEqual(value);
  });

  test('a picture in ASCII still fits', () => {
    let drawn = '';
    const write = (text: string) => {
      drawn += text;
    };
    const out = inAscii({ columns: 10, rows: 5, isTTY: true, write });
    out.write(fitted('12345678…\n2\n3\n4\n5\n6', out, 1));
    expect(drawn).toBe('12345678..\n2\n3\n...\n');
  });
});

describe('cli', () => {
  const commands = readdirSync(packagePath('src', 'cli'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .flatMap((path) => [
      ...readFileSync(packagePath('src', 'cli', path), 'utf8').matchAll(/program\s*\.command\('(\w+)'\)/g),
    ])
    .map(([, name = '']) => name);

  test('help is in ASCII where LC_ALL=C says so', async () => {
    expect(commands).toContain('send');
    const plain = await Promise.all(commands.map((name) => run([name, '--help'], { env: { LC_ALL: 'C' } })));
    for (const { stdout } of plain) expect(stdout).toMatch(ASCII);
    // Else there would be nothing to spell.
    expect((await run(['send', '--help'])).stdout).not.toMatch(ASCII);
  });
});
