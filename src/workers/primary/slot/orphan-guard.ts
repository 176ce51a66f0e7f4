// Ends workers that outlive us although their handler never lets the event loop turn, and so never sees the channel close: a
// shell that knows their process ids and waits for the end of its input.
//
// Invariant: we hold the other end of that input, and nobody else does; it closes however we end, also by SIGKILL. A process
// id is told before we can have reaped its process, and taken back once we have: meanwhile nobody else can have it.
// Fails by: a machine without /bin/sh; then a worker still ends by itself as soon as its loop turns.
import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';

/**
 * A line each on descriptor 3: `+ PID` and `- PID`. Signals to our terminal or group are meant for us. In the background of
 * a shell that ends at once: it is none of our children, which are workers.
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
    this.#tell(`+ ${pid}`);
  }

  /** It has ended: another process may get its id. */
  release(pid: number): void {
    this.#tell(`- ${pid}`);
  }

  #tell(line: string): void {
    this.#input ??= start();
    this.#input.write(`${line}\n`);
  }
}

/** @returns the other end of its input. */
function start(): Socket {
  const shell = spawn('/bin/sh', ['-c', SCRIPT, 'tributary-workers'], {
    cwd: '/',
    detached: true,
    // Not its stdin: that would be closed for us when the first shell ends.
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  const input = shell.stdio[3] as Socket;
  shell.on('error', () => {});
  input.on('error', () => {});
  // It is there for our end, and must not delay it.
  shell.unref();
  input.unref();
  return input;
}
