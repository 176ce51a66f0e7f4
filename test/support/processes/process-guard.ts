// Kills the process groups of a test worker that died before it could do so itself.
//
// Invariant: the guard knows all groups that may have members; it acts when its stdin closes, however we end.
import { spawn } from 'node:child_process';

export interface Guard {
  add(group: number): void;
  forget(group: number): void;
  /** Closes its stdin, which it takes for our death. */
  abandon(): void;
}

const SCRIPT = `
trap '' INT TERM HUP PIPE
groups=' '
while read -r word group; do
  case $word in
  add) groups="$groups$group " ;;
  forget) groups="\${groups%% $group *} \${groups#* $group }" ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
`;

export function startGuard(): Guard {
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'tributary-test-guard'], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.stdin.on('error', () => {});
  child.unref();
  (child.stdin as unknown as { unref(): void }).unref();
  return {
    add: (group) => void child.stdin.write(`add ${group}\n`),
    forget: (group) => void child.stdin.write(`forget ${group}\n`),
    abandon: () => void child.stdin.end(),
  };
}

/** Processes that are left in the group are killed. */
export function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // No process is left in it.
  }
}
