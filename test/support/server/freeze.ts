// Freezes a server of PostgreSQL: its port takes connections, and nothing answers.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { send } from '../processes/freezer.ts';

/** The server with all that it has forked, until the test is over. @returns a call that lets it go on. */
export function freezeServer({ dataDir }: { readonly dataDir: string }): () => void {
  const [postmaster = ''] = readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n');
  const children = execFileSync('ps', ['-o', 'pid=', '--ppid', postmaster], { encoding: 'utf8' });
  const pids = [Number(postmaster), ...children.trim().split(/\s+/).map(Number)];
  const thaw = () => {
    for (const pid of pids) send(pid, 'SIGCONT');
  };
  onTestFinished(thaw);
  for (const pid of pids) send(pid, 'SIGSTOP');
  return thaw;
}
