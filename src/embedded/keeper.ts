// The keeper: a shell that owns the server's folder and the server, and outlives us if need be.
//
// Invariant: the process that spawned the keeper holds the other end of its stdin. When that closes (an orderly stop, an exit,
// SIGKILL, a power cut of the process), the keeper stops the server and removes the folder. Nothing else removes it.
// Order: the folder first, then the keeper, then everything inside the folder.
// Fails by: SIGKILL of the keeper itself, which leaves server and folder behind.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { wait } from '../lifecycle/wait.ts';
import type { Account } from './account.ts';
import { LOG_FILE } from './folder.ts';

export interface KeeperOptions {
  /** Run in the foreground by `init`. */
  readonly initdb: readonly string[];
  /** Run by `start`, which appends `-p PORT`. */
  readonly postgres: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly account: Account | undefined;
}

/**
 * One command a line: `init`, `start PORT`, and while the server runs the name of a signal for it. Answers: `started PID`
 * and `ended CODE`. The shell gives `&` children an ignored SIGQUIT until the server sets its own, hence the loop.
 */
const script = (folder: string, { initdb, postgres }: KeeperOptions) => `
trap '' INT TERM HUP PIPE
exec 3<&0 </dev/null
log=${word(`${folder}/${LOG_FILE}`)}
while read -r command port <&3; do
  case $command in
  init)
    ${initdb.map(word).join(' ')} >>"$log" 2>&1 3<&-
    echo "ended $?"
    ;;
  start)
    ${postgres.map(word).join(' ')} -p "$port" >>"$log" 2>&1 3<&- &
    server=$!
    (
      while read -r signal <&3; do kill -s "$signal" $server; done
      while kill -s QUIT $server; do sleep 1 >/dev/null; done
    ) &
    watcher=$!
    echo "started $server"
    wait $server
    code=$?
    kill -s KILL $watcher
    wait $watcher
    echo "ended $code"
    ;;
  esac
done
cd /
rm -rf ${word(folder)}
`;

/** Quotes one word of a shell command. */
const word = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

export class Keeper {
  readonly #child: ChildProcess & { stdin: Writable; stdout: Readable };
  readonly #gone: Promise<void>;
  #isGone = false;
  readonly #answers: string[] = [];
  #listener: (() => void) | undefined;

  /** Guards `folder`, which exists and belongs to `account`, from now on. */
  constructor(folder: string, options: KeeperOptions) {
    const { uid, gid } = options.account ?? {};
    this.#child = spawn('/bin/sh', ['-c', script(folder, options), 'tributary-postgres'], {
      cwd: folder,
      detached: true,
      env: options.env,
      stdio: ['pipe', 'pipe', 'ignore'],
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
    });
    this.#gone = new Promise((resolve) => {
      const gone = () => {
        this.#isGone = true;
        this.#listener?.();
        resolve();
      };
      this.#child.once('exit', gone);
      this.#child.once('error', gone);
    });
    this.#child.stdin.on('error', () => {});
    createInterface(this.#child.stdout).on('line', (line) => {
      this.#answers.push(line);
      this.#listener?.();
    });
    // Our program may end with a server running: the closed pipe then stops it.
    this.#child.unref();
    for (const pipe of [this.#child.stdin, this.#child.stdout])
      (pipe as unknown as { unref(): void }).unref();
  }

  send(command: string): void {
    this.#child.stdin.write(`${command}\n`);
  }

  /**
   * The number after the next answer `kind`; undefined when it did not come within `timeoutMs`.
   * @throws when the keeper is gone: dismissed, or never started.
   */
  async answer(kind: 'started' | 'ended', timeoutMs: number): Promise<number | undefined> {
    const deadline = performance.now() + timeoutMs;
    while (this.#answers.length === 0) {
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) return undefined;
      if (this.#isGone) throw new Error('The keeper of this PostgreSQL has ended.');
      await this.#nextLine(leftMs);
    }
    const [found, number] = (this.#answers.shift() as string).split(' ');
    if (found !== kind) throw new Error(`The keeper said ${found} where ${kind} was due.`);
    return Number(number);
  }

  /** Whether an answer waits to be read: while the server runs, that is its end. */
  get hasAnswer(): boolean {
    return this.#answers.length > 0;
  }

  /** Stops the server, removes the folder; resolves when both are gone, or after `timeoutMs`. */
  async dismiss(timeoutMs: number): Promise<void> {
    this.#child.stdin.end();
    const patience = new AbortController();
    await Promise.race([this.#gone, wait(timeoutMs, patience.signal)]);
    patience.abort();
  }

  #nextLine(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#listener = undefined;
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      this.#listener = done;
    });
  }
}
