// What shells complete and what `man` shows, held to the commands that there are.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { manPage } from '../../../src/cli/manual/man-page.ts';
import { allCommands, type TypedCommand, treeOf } from '../../../src/cli/manual/tree.ts';
import { wholeProgram } from '../../../src/cli/program.ts';
import { packagePath, packageVersion } from '../../../src/lifecycle/package-root.ts';
import { givenFolder } from '../../support/files.ts';
import { run } from '../../support/processes/run-cli.ts';

let program: TypedCommand;
let commands: readonly TypedCommand[];

beforeAll(async () => {
  program = treeOf(await wholeProgram(10_000));
  commands = allCommands(program);
});

const isThere = (shell: string): boolean => spawnSync(shell, ['--version']).status === 0;

async function scriptOf(shell: string): Promise<string> {
  const { code, stdout, stderr } = await run(['completion', shell]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

describe('cli/manual/tree', () => {
  test('every command that help lists is there, with what help says behind its lists', async () => {
    const { stdout } = await run(['--help']);
    for (const { words } of program.subcommands) expect(stdout).toMatch(new RegExp(`^ {2}${words[0]} `, 'm'));
    expect(program.subcommands.length).toBeGreaterThan(15);
    expect(commands.map(({ words }) => words.join(' '))).toEqual(
      expect.arrayContaining(['dead list', 'dead retry', 'shard rename']),
    );
    expect(commands.find(({ words }) => words[0] === 'send')?.notes).toMatch(/^A line of stdin: /);
  });
});

describe('cli/commands/completion', () => {
  test('for an unknown shell the error names the known ones', async () => {
    const { code, stderr } = await run(['completion', 'tcsh']);
    expect(code).toBe(2);
    expect(stderr).toContain('Allowed choices are bash, zsh, fish');
  });

  test.skipIf(!isThere('bash'))('bash completes every command, option and choice', async () => {
    const folder = givenFolder();
    mkdirSync(join(folder, 'sub dir'));
    writeFileSync(join(folder, 'shop.yaml'), '');
    const asked: string[][] = [];
    const wanted: string[][] = [];
    const ask = (words: string[], replies: readonly string[]) => {
      asked.push(words);
      wanted.push([...replies]);
    };
    for (const { words, options, subcommands } of commands) {
      const flags = options.flatMap((option) => option.flags).filter((flag) => flag.startsWith('--'));
      ask([...words, '--'], words.length === 0 ? flags : [...flags, '--config']);
      if (subcommands.length > 0)
        ask(
          [...words, ''],
          subcommands.map((one) => one.words.at(-1) ?? ''),
        );
      for (const { flags: own, value } of options)
        if (value !== undefined && value.choices.length > 0)
          ask([...words, own.at(-1) ?? '', ''], value.choices);
    }
    ask(['-c', 'x.yaml', 'lag', '--by', 'qu'], ['queue']);
    ask(['lag', '--max', '5s', '--max-d'], ['--max-dead']);
    ask(['completion', ''], ['bash', 'zsh', 'fish']);
    ask(['lag', '--config', 's'], ['shop.yaml', 'sub dir']);
    ask(['init', ''], ['sub dir']);
    const tries = asked.map((words) => `try ${words.map((word) => `'${word}'`).join(' ')}`).join('\n');
    const script = `${await scriptOf('bash')}
try() { COMP_WORDS=(tributary "$@"); COMP_CWORD=$#; _tributary; printf '%s\\n' "\${COMPREPLY[@]}" .; }
${tries}`;
    const { stdout, stderr, status } = spawnSync('bash', ['--norc', '-c', script], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
    const replies = stdout.split('\n.\n').slice(0, -1);
    const found = replies.map((text) => text.split('\n').sort());
    expect(found.map((reply, at) => [asked[at], reply])).toEqual(
      wanted.map((reply, at) => [asked[at], reply.sort()]),
    );
    expect(found.length).toBeGreaterThan(30);
  });

  // Read only, where there is no such shell; each was tried by hand.
  test.each(['zsh', 'fish'])('the completion of %s has every command, option and choice', async (shell) => {
    const script = await scriptOf(shell);
    for (const { words, options } of commands) {
      expect(script).toContain(words.at(-1) ?? '#');
      for (const { flags, value } of options) {
        for (const flag of flags) expect(script).toContain(shell === 'zsh' ? flag : flag.replace(/^-+/, ''));
        for (const choice of value?.choices ?? []) expect(script).toContain(choice);
      }
    }
    if (!isThere(shell)) return;
    const file = join(givenFolder(), `tributary.${shell}`);
    writeFileSync(file, script);
    const { status, stderr } = spawnSync(shell, ['-n', file], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});

describe('cli/manual/man-page', () => {
  const given = () => manPage(program, { version: packageVersion(), docs: packagePath('docs') });

  test('it has every command with its options, and nothing of the machine that built it', () => {
    const page = given();
    const bare = page.replaceAll('\\-', '-').replaceAll('\\(ga', '`');
    for (const { usage, description, options } of commands) {
      expect(bare).toContain(usage);
      expect(bare.toLowerCase()).toContain(description.toLowerCase().replace(/\.$/, ''));
      for (const { term, description: what } of options) expect(bare).toContain(`.B ${term}\n${what}\n`);
    }
    expect(page).not.toContain(packagePath());
    expect(bare).toContain('.B 3\nThe command did its work');
  });

  test('the build has written it, and the package names it', () => {
    const { man } = JSON.parse(readFileSync(packagePath('package.json'), 'utf8'));
    expect(readFileSync(packagePath(man), 'utf8')).toBe(given());
  });

  test.skipIf(!isThere('groff'))('roff finds nothing wrong in it', () => {
    const { stdout, stderr, status } = spawnSync('groff', ['-man', '-Tutf8', '-ww', '-z'], {
      input: given(),
      encoding: 'utf8',
    });
    expect({ stdout, stderr, status }).toEqual({ stdout: '', stderr: '', status: 0 });
  });
});
