// One mover in a process of its own, started again whenever it dies.
//
// Invariant: at most one process at a time; it holds the other end of our channel, and so ends with us, however we end.
// Order: a process is reaped, then its leases are ended in central, so that its shards need not wait for them to run out.
// Fails by: our own death, which closes the channel; central away when a mover dies, then its leases run out by themselves.
import { type ChildProcess, fork } from 'node:child_process';
import { CentralLink } from '../../../central/central-link.ts';
import type { Config } from '../../../config/config.ts';
import { endPredecessor, leaseLeave } from '../../../coordination/lease-queries.ts';
import { backoffMs } from '../../../lifecycle/backoff.ts';
import { packagePath } from '../../../lifecycle/package-root.ts';
import type { Service } from '../../../lifecycle/service.ts';
import { TIMING } from '../../../lifecycle/timing.ts';
import { wait } from '../../../lifecycle/wait.ts';
import { EXIT, Exit } from '../../exit.ts';
import { askedIn, readAgainMessage } from './file-words.ts';
import { memberWord } from './member-word.ts';
import { ShownMover } from './shown-word.ts';

export interface MoverDeath {
  readonly pid: number | undefined;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** When the next one starts. */
  readonly restartMs: number;
}

export interface ForkedMoverOptions {
  readonly config: Config;
  readonly host: string;
  /** The file may not know the host. */
  readonly adopts?: boolean;
  readonly onDeath: (death: MoverDeath) => void;
  /** The leases of a dead mover could not be ended. */
  readonly onTrouble: (error: unknown) => void;
  /** Central says how often all members were asked to read their files again. */
  readonly onAsked?: (number: number) => void;
  /** Replaced in tests. */
  readonly program?: string;
}

/** Always the compiled file, as for workers. */
const PROGRAM = packagePath('dist', 'run', 'tributary.js');

export class ForkedMover implements Service {
  readonly name = 'mover process';
  readonly #options: ForkedMoverOptions;
  readonly #link: CentralLink;
  readonly #stopped = new AbortController();
  #child: ChildProcess | undefined;
  #member: string | undefined;
  #crashes = 0;
  /** What the pages show of the mover. */
  readonly shown = new ShownMover();

  constructor(options: ForkedMoverOptions) {
    this.#options = options;
    this.#link = new CentralLink(options.config, 'supervisor');
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** @throws Exit where the mover refuses its usage or its file, with a message of its own: starting again would not help. */
  async run(): Promise<void> {
    let released: Promise<void> = Promise.resolve();
    try {
      while (!this.#stopped.signal.aborted) {
        const startedMs = performance.now();
        const ending = await this.#runOnce();
        if (this.#stopped.signal.aborted && ending.code === EXIT.done) break;
        if (ending.code === EXIT.wrong) throw new Exit(EXIT.wrong);
        // The next mover starts meanwhile: it looks at the leases again and again.
        released = this.#releaseLeases();
        if (this.#stopped.signal.aborted) break;
        const restartMs = this.#restartMs(performance.now() - startedMs);
        this.#options.onDeath({ ...ending, restartMs });
        await wait(restartMs, this.#stopped.signal);
      }
    } finally {
      await released;
      await this.#link.close();
    }
  }

  /** The mover reads its file again. */
  readAgain(): void {
    // One that is just beginning reads it anyway.
    this.#child?.send(readAgainMessage, () => {});
  }

  /** Lets the mover commit what it has read, within limits. */
  async stop(): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    this.#stopped.abort();
    this.#drain();
  }

  async stopNow(): Promise<void> {
    this.#stopped.abort();
    this.#child?.kill('SIGKILL');
  }

  #drain(): void {
    const child = this.#child;
    if (child === undefined) return;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), TIMING.commands.moverDrainMs);
    child.once('exit', () => clearTimeout(timer));
  }

  async #runOnce(): Promise<Omit<MoverDeath, 'restartMs'>> {
    const { config, host, adopts = false, program = PROGRAM } = this.#options;
    const child = fork(
      program,
      ['-c', config.file, 'mover', '--host', host, '--no-http', ...(adopts ? ['--adopt'] : [])],
      {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      },
    );
    this.#child = child;
    this.#member = undefined;
    this.shown.begins();
    child.on('message', (raw) => {
      this.shown.note(raw);
      const word = memberWord.safeParse(raw);
      if (word.success) this.#member = word.data.id;
      const asked = askedIn(raw);
      if (asked !== undefined) this.#options.onAsked?.(asked);
    });
    const { pid } = child;
    const ending = await new Promise<Omit<MoverDeath, 'restartMs'>>((resolve) => {
      child.once('exit', (code, signal) => resolve({ pid, code, signal }));
      // The process could not be started, or not be written to; the latter is followed by its exit.
      child.on('error', () => {
        if (pid === undefined) resolve({ pid, code: null, signal: null });
      });
    });
    this.#child = undefined;
    this.shown.ends();
    return ending;
  }

  /** Ends the leases of the dead mover, else the next one would wait until they run out. We saw its process end. */
  async #releaseLeases(): Promise<void> {
    const member = this.#member;
    if (member === undefined) return;
    try {
      await this.#link.use(async (central) => {
        await endPredecessor(central, { holder: member, backendPid: undefined, backendStart: undefined });
        await leaseLeave(central, member);
      });
    } catch (error) {
      this.#options.onTrouble(error);
    }
  }

  #restartMs(livedMs: number): number {
    this.#crashes = livedMs >= TIMING.commands.moverSteadyMs ? 1 : this.#crashes + 1;
    return this.#crashes === 1 ? 0 : backoffMs(this.#crashes - 1, TIMING.commands.moverCrashes);
  }
}
