// The command line: its options and commands, and the exit code for every way of ending.
import { Readable } from 'node:stream';
import { Command, CommanderError } from 'commander';
import { sentenceFor } from '../errors/sentence.ts';
import { TributaryError } from '../errors/tributary-error.ts';
import { isAsciiOnly } from '../lifecycle/ascii.ts';
import { packagePath, packageVersion } from '../lifecycle/package-root.ts';
import { type CliContext, type CliIo, makeContext } from './context.ts';
import { EXIT, Exit, type ExitCode } from './exit.ts';
import { harmless, inAscii } from './terminal/output.ts';

/** Adds one command; each command file exports one of these as `register`. */
type Register = (program: Command, context: CliContext) => void;

/** A new command: one file with `register`, one line here. Each is loaded only when it is used: starts are quicker. */
// biome-ignore format: one line for each, so that two new commands never meet in one line.
const COMMANDS: ReadonlyMap<string, () => Promise<{ readonly register: Register }>> = new Map([
  ['apply', () => import('./commands/apply.ts')],
  ['capture', () => import('./commands/capture.ts')],
  ['check', () => import('./commands/check.ts')],
  ['compare', () => import('./commands/compare.ts')],
  ['completion', () => import('./commands/completion.ts')],
  ['dead', () => import('./commands/dead.ts')],
  ['delayed', () => import('./commands/delayed.ts')],
  ['demo', () => import('./commands/demo.ts')],
  ['doctor', () => import('./commands/doctor.ts')],
  ['group', () => import('./commands/group.ts')],
  ['init', () => import('./commands/init.ts')],
  ['install', () => import('./commands/install.ts')],
  ['lag', () => import('./commands/lag.ts')],
  ['lane', () => import('./commands/lane.ts')],
  ['mover', () => import('./commands/mover.ts')],
  ['pause', () => import('./commands/pause.ts')],
  ['plan', () => import('./commands/plan.ts')],
  ['queue', () => import('./commands/queue.ts')],
  ['reload', () => import('./commands/reload.ts')],
  ['repair', () => import('./commands/repair.ts')],
  ['resume', () => import('./commands/resume.ts')],
  ['scale', () => import('./commands/scale.ts')],
  ['schedule', () => import('./commands/schedule.ts')],
  ['send', () => import('./commands/send.ts')],
  ['shard', () => import('./commands/shard.ts')],
  ['shards', () => import('./commands/shards.ts')],
  ['spool', () => import('./commands/spool.ts')],
  ['start', () => import('./commands/start.ts')],
  ['trace', () => import('./commands/trace.ts')],
  ['work', () => import('./commands/work.ts')],
]);

/** The titles under which `--help` lists the commands. */
const GROUPS: readonly (readonly [title: string, commands: readonly string[]])[] = [
  ['First steps:', ['demo', 'init', 'check', 'plan', 'install']],
  ['Run:', ['start', 'mover', 'work', 'spool', 'reload', 'scale']],
  ['Look:', ['doctor', 'lag', 'shards', 'dead', 'delayed', 'lane', 'trace', 'compare']],
  ['Act:', ['pause', 'resume', 'repair', 'send', 'schedule', 'shard', 'queue', 'group', 'capture', 'apply']],
];
const OTHERS = 'More:';

const groupOf = (command: string): string =>
  GROUPS.find(([, commands]) => commands.includes(command))?.[0] ?? OTHERS;

const EXAMPLES = `
Examples:
  tributary demo                     see it, on a PostgreSQL of its own
  tributary init && tributary check  a file to start from, and whether it is right
  tributary lag --watch              how far everything is behind, again each second
  tributary doctor                   what is wrong, why, and what to do
  tributary lag --max 60s            the same for monitoring: exit code 3 where anything is further behind

Documentation: ${packagePath('docs')}
`;

/** Commands that need all the others loaded. */
const OF_ALL: readonly string[] = ['completion'];

/** Commands that run until they are stopped, and drain. */
const SERVICES: readonly string[] = ['mover', 'spool', 'start', 'work'];

/** Those that read their file again on SIGHUP. */
const READING_AGAIN: readonly string[] = ['mover', 'start', 'work'];

/** Runs one command to its end. Never throws; prints errors as one sentence. */
export async function runCli(argv: readonly string[], given: CliIo): Promise<ExitCode> {
  const isVersion = argv.length === 1 && VERSION.includes(argv[0] ?? '');
  const named = commandIn(argv);
  const isService = named !== undefined && SERVICES.includes(named);
  const shown = asItCanBeShown(given);
  const io = named !== undefined && READING_AGAIN.includes(named) ? hangingUpLater(shown) : shown;
  // A service that is stopped before it is loaded has nothing to drain: no failure.
  if (isService) void io.signal;
  const program = makeProgram(io);
  try {
    const context = makeContext(io, {
      configFile: () => program.opts<{ config: string }>().config,
      verbatim: given.stdout,
    });
    if (!isVersion) await registerOn(program, { context, named });
    await program.parseAsync(isVersion ? ['--version'] : [...argv], { from: 'user' });
    return EXIT.done;
  } catch (error) {
    return codeOf(error, io);
  }
}

/** The program with all its commands, for the manual. @param width of the lines of its help. */
export async function wholeProgram(width: number): Promise<Command> {
  const { signal } = new AbortController();
  const nowhere = { write: () => {}, columns: width };
  const streams = { stdin: Readable.from([]), stdout: nowhere, stderr: nowhere };
  const io: CliIo = { ...streams, env: {}, cwd: '', signal, hardSignal: signal };
  const program = makeProgram(io);
  const context = makeContext(io, { configFile: () => '', verbatim: io.stdout });
  await registerOn(program, { context, named: undefined });
  return program;
}

async function registerOn(
  program: Command,
  { context, named }: { readonly context: CliContext; readonly named: string | undefined },
): Promise<void> {
  for (const { register } of await commandsFor(named)) register(program, context);
  for (const command of program.commands) command.helpGroup(groupOf(command.name()));
}

/** Turns output into ASCII where the terminal shows nothing else. */
function asItCanBeShown(io: CliIo): CliIo {
  if (!isAsciiOnly(io.env)) return io;
  return Object.create(io, {
    stdout: { value: inAscii(io.stdout) },
    stderr: { value: inAscii(io.stderr) },
  });
}

/** A hang-up that comes while the process is still being loaded would end it: it is kept until somebody listens. */
function hangingUpLater(io: CliIo): CliIo {
  let listen: (() => void) | undefined;
  let isAsked = false;
  io.onHangUp?.(() => {
    if (listen === undefined) isAsked = true;
    else listen();
  });
  const onHangUp = (listener: () => void) => {
    listen = listener;
    if (isAsked) listener();
  };
  return Object.create(io, { onHangUp: { value: onHangUp } });
}

/** The command that the line names, if it is known. */
function commandIn(argv: readonly string[]): string | undefined {
  const first = argv.find((word, at) => !word.startsWith('-') && !TAKES_A_VALUE.test(argv[at - 1] ?? ''));
  return first !== undefined && COMMANDS.has(first) ? first : undefined;
}

/** The command that was named; all of them where none was, for help and for the nearest name. */
async function commandsFor(named: string | undefined): Promise<{ readonly register: Register }[]> {
  const load = named === undefined || OF_ALL.includes(named) ? undefined : COMMANDS.get(named);
  return await Promise.all((load === undefined ? [...COMMANDS.values()] : [load]).map((one) => one()));
}

/** What prints the version, for which no command is loaded; -V was ours once. */
const VERSION: readonly string[] = ['--version', '-v', 'version', '-V'];

/** The program's own options that take a value; they stand before the command. */
const TAKES_A_VALUE = /^(-c|--config)$/;

function makeProgram(io: CliIo): Command {
  return new Command('tributary')
    .description('Gathers events from many PostgreSQL shards into a few central queues, and works them off.')
    .version(packageVersion(), '-v, --version')
    .option('-c, --config <file>', 'the configuration', io.env.TRIBUTARY_CONFIG ?? 'shards.yaml')
    .configureHelp({ sortOptions: true, sortSubcommands: true, showGlobalOptions: true, minWidthToWrap: 10 })
    .commandsGroup(OTHERS)
    .addHelpText('after', EXAMPLES)
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void harmless(io.stderr).write(text),
      getOutHelpWidth: () => io.stdout.columns ?? 100,
      getErrHelpWidth: () => io.stderr.columns ?? 100,
    })
    .showHelpAfterError('`tributary --help` lists the commands, `tributary COMMAND --help` its options.')
    .exitOverride()
    .hook('preAction', (_program, action) => {
      // Also those of the commands above it, which are taken behind its name as well.
      for (let command: Command | null = action; command !== null; command = command.parent)
        refuseBlank(command);
    });
}

/** Options whose value may be empty: it is content, and selects nothing. */
const CONTENT: readonly string[] = ['--type', '--data'];

/** An empty value is usually a shell variable that was not set; as a filter it would match everything. */
function refuseBlank(command: Command): void {
  for (const option of command.options) {
    const name = option.attributeName();
    const isGiven = command.getOptionValueSource(name) === 'cli';
    if (!isGiven || ![command.getOptionValue(name)].flat().some(isBlank)) continue;
    if (command.name() === 'send' && CONTENT.includes(option.long ?? '')) continue;
    throw new Exit(EXIT.wrong, `${option.long} is empty: give it a value, or leave it out.`);
  }
  for (const [at, argument] of command.registeredArguments.entries()) {
    if ([command.processedArgs[at]].flat().some(isBlank))
      throw new Exit(EXIT.wrong, `The argument <${argument.name()}> is empty: give it a value.`);
  }
}

const isBlank = (value: unknown): boolean => typeof value === 'string' && value.trim() === '';

function codeOf(error: unknown, io: CliIo): ExitCode {
  const stderr = harmless(io.stderr);
  const say = (sentence: string) => {
    if (sentence !== '') stderr.write(`${sentence}\n`);
    if (io.env.TRIBUTARY_DEBUG === '1' && error instanceof Error) stderr.write(`${error.stack}\n`);
  };
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.wrong;
  if (error instanceof Exit) {
    say(error.message);
    return error.code;
  }
  say(sentenceFor(error, 'tributary'));
  return error instanceof TributaryError && error.kind === 'misconfigured' ? EXIT.wrong : EXIT.failed;
}
