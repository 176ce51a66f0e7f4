// The mover, or another command, run as an operator runs it, in a process of its own whose memory and CPU time can be read.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { cpuSecondsOfTree } from './processes.ts';

export interface MoverProcess {
  /** CPU seconds so far, user and system. */
  cpuSeconds(): number;
  /** The same, including living processes that it forked. */
  treeCpuSeconds(): number;
  /** Resident memory now, in MB. */
  rssMb(): number;
  /** Largest resident memory so far, in MB. */
  peakRssMb(): number;
  /** False once it has ended, whatever the reason. */
  isRunning(): boolean;
  /** Resolves when it has ended. */
  readonly ended: Promise<unknown>;
  stop(): Promise<void>;
}

/** Options of Node for the process and those it forks, e.g. `--cpu-prof --cpu-prof-dir=/tmp/profiles`. */
const NODE_ARGS = (process.env.BENCH_NODE_ARGS ?? '').split(' ').filter((arg) => arg !== '');
const CLI = fileURLToPath(new URL('../../dist/run/tributary.js', import.meta.url));
const TICKS_PER_SECOND = 100;

export const startMover = (file: string): MoverProcess =>
  startTributary(['-c', file, 'mover', '--host', '127.0.0.1']);

export function startTributary(
  args: readonly string[],
  {
    env = {},
    node = process.execPath,
    isSilent = false,
  }: {
    readonly env?: Readonly<Record<string, string>>;
    readonly node?: string;
    readonly isSilent?: boolean;
  } = {},
): MoverProcess {
  const child: ChildProcess = spawn(node, [...NODE_ARGS, CLI, ...args], {
    stdio: isSilent ? 'ignore' : ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, TRIBUTARY_LOG: process.env.TRIBUTARY_LOG ?? 'warn', ...env },
  });
  const ended = once(child, 'close');
  const proc = (name: string) => readFileSync(`/proc/${child.pid}/${name}`, 'utf8');
  const status = (key: string) =>
    Number(new RegExp(`${key}:\\s+(\\d+)`).exec(proc('status'))?.[1] ?? 0) / 1024;
  return {
    cpuSeconds() {
      const fields = proc('stat')
        .slice(proc('stat').lastIndexOf(')') + 2)
        .split(' ');
      return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
    },
    treeCpuSeconds: () => cpuSecondsOfTree(child.pid ?? 0),
    rssMb: () => status('VmRSS'),
    peakRssMb: () => status('VmHWM'),
    ended,
    isRunning: () => child.exitCode === null && child.signalCode === null,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      await ended;
    },
  };
}
