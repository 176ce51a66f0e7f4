// CPU time of a process and all those that it started, from /proc.
import { readdirSync, readFileSync } from 'node:fs';

const TICKS_PER_SECOND = 100;

/** CPU seconds so far of a process and its descendants, user and system. Dead ones count once their parent waited for them. */
export function cpuSecondsOfTree(pid: number): number {
  const children = new Map<number, number[]>();
  const seconds = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? statOf(Number(name)) : undefined;
    if (stat === undefined) continue;
    seconds.set(Number(name), stat.cpuSeconds);
    children.set(stat.parent, [...(children.get(stat.parent) ?? []), Number(name)]);
  }
  const sum = (of: number): number =>
    (seconds.get(of) ?? 0) + (children.get(of) ?? []).reduce((total, child) => total + sum(child), 0);
  return sum(pid);
}

/** The server's processes, by its data folder. */
export function serverCpuSeconds(dataDir: string): number {
  return cpuSecondsOfTree(Number.parseInt(readFileSync(`${dataDir}/postmaster.pid`, 'utf8'), 10));
}

/** @returns undefined where the process has gone. */
function statOf(pid: number): { readonly parent: number; readonly cpuSeconds: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name of the program before it may contain spaces and parentheses.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return {
      parent: Number(fields[1]),
      cpuSeconds: [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0) / TICKS_PER_SECOND,
    };
  } catch {
    return undefined;
  }
}
