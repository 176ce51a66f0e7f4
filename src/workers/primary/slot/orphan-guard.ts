// Kills workers that outlive us because their handler never lets the event loop turn, so that they do not see the channel
// close: a shell that knows their process ids and waits for the end of its input.
//
// Invariant: only we hold the other end of that input; it closes however we end, even by SIGKILL. A process id is given to
// the shell before we can have reaped the process, and taken back once we have: meanwhile no other process can get it.
// Fails by: a machine without /bin/sh; then a worker still ends by itself as soon as its loop turns.
import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';

/**
 * Reads lines `+ PID` and `- PID` from descriptor 3. Ignores signals to our terminal or group, which are meant for us. In the
 * background of a shell that ends at once, so that it is no child of ours: our children are workers.
 */
const SCRIPT = `
(
  trap '' INT TERM HUP PIPE
  pids=' '
  while read -r what pid <&3; do
    case $what in
    +) pids="$pids$pid " ;;
    -) case $pids in *" $pid "*) pids="\${pids%% $pid *} \${pids#* $pid }" ;; esac ;;
    esac
  done
  for pid in $pids; do kill -s KILL "$pid"; done
) &
`;

export class OrphanGuard {
  #input: Socket | undefined;

  guard(pid: number): void {
    this.#send(`+ ${pid}`);
  }

  /** The process has ended: another one may get its id. */
  release(pid: number): void {
    this.#send(`- ${pid}`);
  }

  #send(line: string): void {
    this.#input ??= start();
    this.#input.write(`${line}\n`);
  }
}

/** @returns the other end of its input. */
function start(): Socket {
  const shell = spawn('/bin/sh', ['-c', SCRIPT, 'tributary-workers'], {
    cwd: '/',
    detached: true,
    // Not its stdin: Node would close that when the first shell ends.
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  const input = shell.stdio[3] as Socket;
  shell.on('error', () => {});
  input.on('error', () => {});
  // The shell must not delay our end.
  shell.unref();
  input.unref();
  return input;
}
