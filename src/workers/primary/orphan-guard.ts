// Ends workers that outlive us although their handler never lets the event loop turn, and so never sees the channel close: a
// shell that knows their process ids and waits for the end of its input.
//
// Invariant: we hold the other end of that input, and nobody else does; it closes however we end, also by SIGKILL. A process
// id is told before its process can have ended, and taken back once it has.
// Fails by: a machine without /bin/sh; then a worker still ends by itself as soon as its loop turns.
import { type ChildProcess, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';

/** A line each: `+ PID` and `- PID`. Signals to our terminal or group are meant for us. */
const SCRIPT = `
trap '' INT TERM HUP PIPE
pids=' '
while read -r what pid; do
  case $what in
  +) pids="$pids$pid " ;;
  -) case $pids in *" $pid "*) pids="\${pids%% $pid *} \${pids#* $pid }" ;; esac ;;
  esac
done
for pid in $pids; do kill -s KILL "$pid"; done
`;

export class OrphanGuard {
  #shell: (ChildProcess & { readonly stdin: Writable }) | undefined;

  guard(pid: number): void {
    this.#tell(`+ ${pid}`);
  }

  /** It has ended: another process may get its id. */
  release(pid: number): void {
    this.#tell(`- ${pid}`);
  }

  #tell(line: string): void {
    this.#shell ??= start();
    this.#shell.stdin.write(`${line}\n`);
  }
}

function start(): ChildProcess & { readonly stdin: Writable } {
  const shell = spawn('/bin/sh', ['-c', SCRIPT, 'tributary-workers'], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  shell.on('error', () => {});
  shell.stdin.on('error', () => {});
  // It is there for our end, and must not delay it.
  shell.unref();
  (shell.stdin as unknown as { unref(): void }).unref();
  return shell;
}
