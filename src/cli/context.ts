// What every command gets: streams, environment, stop signals, log, and the configuration when the command loads it.
import type { Readable } from 'node:stream';
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import { type LoadResult, loadConfig } from '../config/load.ts';
import type { Problem } from '../config/report.ts';
import { EXIT, Exit } from './exit.ts';
import { harmless } from './terminal/output.ts';

/** A stream to write to; `isTTY`, `columns` and `rows` are there on a terminal only. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  /** Output is turned into ASCII, where some characters are wider. */
  readonly isAscii?: boolean;
}

/** The world outside, replaced in tests. */
export interface CliIo {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: NodeJS.ProcessEnv;
  /** Relative paths on the command line are relative to this. */
  readonly cwd: string;
  /** Stop: take no new work, finish what was begun. SIGINT and SIGTERM simply end a command that never reads it. */
  readonly signal: AbortSignal;
  /** Aborted by the second signal, more than a second after the first: stop now. */
  readonly hardSignal: AbortSignal;
  /** From here on SIGHUP calls `listener` and does not end the process; a terminal that goes away ends it all the same. */
  readonly onHangUp?: (listener: () => void) => void;
}

export interface CliContext extends CliIo {
  /** The streams without filters, for moving the cursor and drawing; everything else goes to `stdout` and `stderr`. */
  readonly raw: Pick<CliIo, 'stdout' | 'stderr'>;
  /** stdout for texts that must not be changed, such as SQL. */
  readonly verbatim: Output;
  /** The path from -c, from TRIBUTARY_CONFIG, or `shards.yaml`; as given, for messages. */
  readonly configFile: string;
  /** For a command that runs until it is stopped: the same, with a log. */
  asService(): Promise<ServiceContext>;
  /** Reads the file once more, for a service that runs; nothing is printed. */
  readAgain(): LoadResult;
  /** The configuration; warnings go to stderr, those of services to the log. A file with mistakes prints them all and ends the command with 2. */
  loadConfig(options?: LoadConfigOptions): Promise<Config>;
}

export interface ServiceContext extends CliContext {
  /** To stderr: JSON lines, or for people on a terminal. */
  readonly log: Logger;
}

export interface LoadConfigOptions {
  /**
   * What becomes of the file's queries for shards. `ask`, the default: a query that fails ends the command. `try`: it is
   * warned of, and its shards are missing. `leave`: they are not asked, for commands that need no shards, and services.
   */
  readonly queries?: 'ask' | 'try' | 'leave';
  /** With `try`: takes what is wrong with queries and their rows; default: warns of it. */
  readonly onMistake?: (sentence: string) => void;
}

/**
 * @param asked.configFile a function, because options are known only once the command runs.
 * @param asked.verbatim stdout in UTF-8, also on terminals that show ASCII only.
 */
export function makeContext(
  io: CliIo,
  { configFile, verbatim }: { readonly configFile: () => string; readonly verbatim: Output },
): CliContext {
  const stderr = harmless(io.stderr);
  let log: Logger | undefined;
  const context: CliContext = {
    stdin: io.stdin,
    stdout: harmless(io.stdout),
    stderr,
    raw: { stdout: io.stdout, stderr: io.stderr },
    verbatim: harmless(verbatim),
    env: io.env,
    cwd: io.cwd,
    get signal() {
      return io.signal;
    },
    get hardSignal() {
      return io.hardSignal;
    },
    onHangUp: (listener) => io.onHangUp?.(listener),
    get configFile() {
      return configFile();
    },
    async asService() {
      log = await (await import('./log.ts')).makeLog(io.stderr, io.env);
      return Object.assign(context, { log });
    },
    readAgain: () => loadConfig(configFile(), { env: io.env, cwd: io.cwd }),
    async loadConfig({ queries = 'ask', onMistake } = {}) {
      const result = loadConfig(configFile(), { env: io.env, cwd: io.cwd });
      // A service's stderr is its log; that of a command is read by a person.
      for (const warning of result.warnings) {
        if (log === undefined) stderr.write(`warning: ${line(warning)}\n`);
        else log.warn(line(warning));
      }
      if (result.config !== undefined)
        return queries === 'leave'
          ? result.config
          : await withQueried(result.config, { io, stderr, queries, onMistake });
      for (const problem of result.problems) stderr.write(`${line(problem)}\n`);
      throw new Exit(EXIT.wrong);
    },
  };
  return context;
}

/** Together with the shards of the file's queries. */
async function withQueried(
  file: Config,
  {
    io,
    stderr,
    queries,
    onMistake = (sentence) => stderr.write(`warning: ${sentence}\n`),
  }: {
    readonly io: CliIo;
    readonly stderr: Output;
    readonly queries: 'ask' | 'try';
    readonly onMistake: ((sentence: string) => void) | undefined;
  },
): Promise<Config> {
  if (file.shardQueries.length === 0) return file;
  // Loaded only where it is needed: starts are quicker.
  const { complete } = await import('../fleet/complete.ts');
  const { config, mistakes, isIncomplete } = await complete(file, io.env);
  if (isIncomplete && queries === 'ask') throw new Exit(EXIT.failed, mistakes.join('\n'));
  for (const mistake of mistakes) onMistake(mistake);
  return config;
}

const line = ({ file, line, column, sentence }: Problem): string => `${file}:${line}:${column} ${sentence}`;
