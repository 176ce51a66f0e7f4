// Real processes that tests start, read and kill: the built command line above all.
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
import { afterEachFile } from '../after-file.ts';
import { until } from '../until.ts';
import { type Guard, killGroup, startGuard } from './process-guard.ts';

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface TestProcess {
  readonly pid: number;
  /** Lines so far. */
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  /** Resolves when the process has ended and all it wrote was read. */
  readonly exit: Promise<ProcessEnd>;
  /** The first line of stdout or stderr that matches, also one already written; fails when the process ends without. */
  waitForLine(pattern: RegExp, options?: { timeoutMs?: number }): Promise<string>;
  /** Sends a signal to this process alone; its children live on until the end of the test file. */
  kill(signal?: NodeJS.Signals): void;
}

export interface ProcessOptions {
  /** Added to the environment of the test; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Written to stdin, which then closes; default: an empty stdin. */
  readonly stdin?: string;
}

const LINE_TIMEOUT_MS = 30_000;
const started: TestProcess[] = [];
let guard: Guard | undefined;

afterEachFile(async () => {
  const processes = started.splice(0);
  for (const { pid } of processes) killGroup(pid);
  await Promise.all(processes.map(({ exit }) => exit));
  for (const { pid } of processes) guard?.forget(pid);
});

/** Commands that catch SIGTERM, and end with 0. */
const SERVICES = ['mover', 'start', 'work'];

/**
 * `tributary ARGS` as built in dist/; killed with all its children after the test file. A service gets SIGTERM once it has
 * said a word: earlier it may not be able to catch it yet.
 */
export function startTributary(args: readonly string[], options: ProcessOptions = {}): TestProcess {
  const program = packagePath('dist', 'run', 'tributary.js');
  const started = startProcess([process.execPath, program, ...args], options);
  if (!args.some((word) => SERVICES.includes(word))) return started;
  return {
    ...started,
    kill(signal = 'SIGTERM') {
      if (signal !== 'SIGTERM' || started.stdout.length + started.stderr.length > 0)
        return started.kill(signal);
      void started.waitForLine(/./).then(
        () => started.kill(signal),
        () => started.kill(signal),
      );
    },
  };
}

/** Runs `tributary ARGS` to its end. */
export async function runTributary(
  args: readonly string[],
  options: ProcessOptions = {},
): Promise<ProcessEnd & { readonly stdout: string; readonly stderr: string }> {
  const { exit, stdout, stderr } = startTributary(args, options);
  const end = await exit;
  return { ...end, stdout: stdout.join('\n'), stderr: stderr.join('\n') };
}

/** Any program, in a process group of its own; killed with all its children after the test file. */
export function startProcess(
  [program = '', ...args]: readonly string[],
  { env = {}, cwd, stdin = '' }: ProcessOptions = {},
): TestProcess {
  const child = spawn(program, args, {
    detached: true,
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${program} cannot be started.`);
  guard ??= startGuard();
  guard.add(pid);
  child.stdin.on('error', () => {});
  child.stdin.end(stdin);
  const stdout: string[] = [];
  const stderr: string[] = [];
  createInterface(child.stdout).on('line', (line) => stdout.push(line));
  createInterface(child.stderr).on('line', (line) => stderr.push(line));
  let isOver = false;
  const exit = new Promise<ProcessEnd>((resolve) => {
    child.once('close', (code, signal) => {
      isOver = true;
      resolve({ code, signal });
    });
  });
  const result: TestProcess = {
    pid,
    stdout,
    stderr,
    exit,
    async waitForLine(pattern, { timeoutMs = LINE_TIMEOUT_MS } = {}) {
      const find = () => [...stdout, ...stderr].find((line) => pattern.test(line));
      const said = () => [...stdout, ...stderr].slice(-20).join('\n');
      try {
        await until(() => find() !== undefined || isOver, { what: `a line like ${pattern}`, timeoutMs });
      } catch (error) {
        throw new Error(`${error instanceof Error ? error.message : error} It said:\n${said()}`);
      }
      const line = find();
      if (line === undefined) throw new Error(`The process ended without a line like ${pattern}:\n${said()}`);
      return line;
    },
    kill: (signal = 'SIGTERM') => {
      child.kill(signal);
    },
  };
  started.push(result);
  return result;
}

/** Whether a process runs (or is stopped). A dead process that its parent has not waited for does not count. */
export function isAlive(pid: number): boolean {
  const state = stateOf(pid);
  return state !== undefined && !/^[ZX]/.test(state);
}

/** The letter for the state of a process, e.g. `S`, `T` (stopped), `Z`; undefined when there is no such process. */
export function stateOf(pid: number): string | undefined {
  if (process.platform !== 'linux') {
    return (
      spawnSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim() || undefined
    );
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name before the state may hold spaces and parentheses.
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
  } catch {
    return undefined;
  }
}

/** Command lines of all living processes. */
export function commandLines(): string[] {
  if (process.platform !== 'linux') {
    return spawnSync('ps', ['-eo', 'args='], { encoding: 'utf8' }).stdout.split('\n');
  }
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => isAlive(Number(pid))).map(commandLineOf);
}

function commandLineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}
