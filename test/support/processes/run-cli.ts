// Runs the command line inside the test's process and gives back what it printed and its exit code.
import { Readable } from 'node:stream';
import type { CliIo } from '../../../src/cli/context.ts';
import { runCli } from '../../../src/cli/program.ts';

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The environment is empty, stdin ends at once and no signal comes, unless `overrides` says otherwise. */
export async function run(argv: string[], overrides: Partial<CliIo> = {}): Promise<Ran> {
  const texts = { stdout: '', stderr: '' };
  const output = (name: keyof typeof texts) => ({
    write: (text: string) => {
      texts[name] += text;
    },
  });
  const code = await runCli(argv, {
    stdin: Readable.from([]),
    stdout: output('stdout'),
    stderr: output('stderr'),
    env: {},
    cwd: '/nowhere',
    signal: new AbortController().signal,
    hardSignal: new AbortController().signal,
    ...overrides,
  });
  return { code, ...texts };
}
