// `tributary demo` as a process, and what it may have left behind.
import { chmodSync, readdirSync, readFileSync } from 'node:fs';
import { givenFolder } from '../../support/files.ts';
import { commandLines, isAlive, startTributary, type TestProcess } from '../../support/processes/process.ts';

export interface DemoProcess {
  readonly process: TestProcess;
  /** Processes and folders that are there now. */
  leftovers(): string[];
}

/** Its server's folder goes into a temporary folder of its own. */
export function startDemo(...args: string[]): DemoProcess {
  const folder = givenFolder();
  // The server does not run as root.
  chmodSync(folder, 0o777);
  const process = startTributary(['demo', ...args], { env: { TMPDIR: folder } });
  return {
    process,
    leftovers: () => [
      ...readdirSync(folder),
      ...commandLines().filter((line) => line.includes(folder)),
      ...membersOf(process.pid).map((pid) => `process ${pid}`),
    ],
  };
}

/** Living processes of a group: all that the demo forks but the server's keeper. */
function membersOf(group: number): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // Behind the name: state, parent, group.
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]) === group && isAlive(pid);
    } catch {
      return false;
    }
  });
}
