// The command line: its options, its commands, and how any way of ending becomes an exit code.
import { Command, CommanderError } from 'commander';
import { sentenceFor } from '../errors/sentence.ts';
import { TributaryError } from '../errors/tributary-error.ts';
import { packageVersion } from '../lifecycle/package-root.ts';
import { register as check } from './check.ts';
import { type CliContext, type CliIo, makeContext } from './context.ts';
import { register as dead } from './dead.ts';
import { register as demo } from './demo.ts';
import { EXIT, Exit, type ExitCode } from './exit.ts';
import { register as init } from './init.ts';
import { register as install } from './install.ts';
import { register as lag } from './lag.ts';
import { register as mover } from './mover.ts';
import { register as pause } from './pause.ts';
import { register as plan } from './plan.ts';
import { register as reload } from './reload.ts';
import { register as repair } from './repair.ts';
import { register as resume } from './resume.ts';
import { register as scale } from './scale.ts';
import { register as send } from './send.ts';
import { register as shards } from './shards.ts';
import { register as start } from './start.ts';
import { register as work } from './work.ts';

/** Adds one command; each command file exports one of these as `register`. */
type Register = (program: Command, context: CliContext) => void;

/** A new command: one file with `register`, one line here. */
// biome-ignore format: one line for each, so that two new commands never meet in one line.
const COMMANDS: readonly Register[] = [
  check,
  dead,
  demo,
  init,
  install,
  lag,
  mover,
  pause,
  plan,
  reload,
  repair,
  resume,
  scale,
  send,
  shards,
  start,
  work,
];

/** Runs one command to its end. Never throws; prints errors as one sentence. */
export async function runCli(argv: readonly string[], io: CliIo): Promise<ExitCode> {
  const program = makeProgram(io);
  const context = makeContext(io, () => program.opts<{ config: string }>().config);
  for (const register of COMMANDS) register(program, context);
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return EXIT.done;
  } catch (error) {
    return codeOf(error, io);
  }
}

function makeProgram(io: CliIo): Command {
  return new Command('tributary')
    .description('Gathers events from many PostgreSQL shards into a few central queues, and works them off.')
    .version(packageVersion(), '-V, --version')
    .option('-c, --config <file>', 'the configuration', io.env.TRIBUTARY_CONFIG ?? 'shards.yaml')
    .configureHelp({ sortOptions: true, sortSubcommands: true, showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      getOutHelpWidth: () => io.stdout.columns ?? 100,
      getErrHelpWidth: () => io.stderr.columns ?? 100,
    })
    .showHelpAfterError('`tributary --help` lists the commands, `tributary COMMAND --help` its options.')
    .exitOverride();
}

function codeOf(error: unknown, io: CliIo): ExitCode {
  const say = (sentence: string) => {
    if (sentence !== '') io.stderr.write(`${sentence}\n`);
    if (io.env.TRIBUTARY_DEBUG === '1' && error instanceof Error) io.stderr.write(`${error.stack}\n`);
  };
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.wrong;
  if (error instanceof Exit) {
    say(error.message);
    return error.code;
  }
  say(sentenceFor(error, 'tributary'));
  return error instanceof TributaryError && error.kind === 'misconfigured' ? EXIT.wrong : EXIT.failed;
}
