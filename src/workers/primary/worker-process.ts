// One forked worker process as the primary sees it: typed messages in and out, signs of life, and its end.
import cluster, { type Worker as ClusterWorker } from 'node:cluster';
import { packagePath } from '../../lifecycle/package-root.ts';
import { CallRecord } from '../last-call.ts';
import { type Suspect, type ToPrimary, type ToWorker, toPrimary } from '../protocol.ts';
import { OrphanGuard } from './orphan-guard.ts';

export interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
  /** What the handler was called with when the process died. */
  readonly suspect: Suspect | undefined;
}

export interface ProcessListener {
  onMessage(message: ToPrimary): void;
  onEnd(ending: Ending): void;
}

/** Signals by which somebody else ends a process, at a moment that says nothing about the event at hand. */
const FROM_OUTSIDE = ['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'];

/** Always the compiled file: workers of the sources in tests run from `dist` as well. */
const CHILD_ENTRY = packagePath('dist', 'run', 'worker.js');

/** One for all workers of this process, as node:cluster is. */
const orphans = new OrphanGuard();

export class WorkerProcess {
  readonly #worker: ClusterWorker;
  readonly #startedMs = performance.now();
  #lastSignMs = performance.now();
  #hasEnded = false;
  #wasSilent = false;
  #listener: ProcessListener;

  constructor(listener: ProcessListener) {
    this.#listener = listener;
    // Settings are the process's, and only those at the time of a fork count.
    const record = new CallRecord();
    const { env, stdio } = record.inheritance;
    cluster.setupPrimary({ exec: CHILD_ENTRY, args: [], serialization: 'advanced', stdio });
    this.#worker = cluster.fork(env);
    const { pid } = this.#worker.process;
    if (pid !== undefined) orphans.guard(pid);
    this.#worker.on('message', (raw: unknown) => {
      const parsed = toPrimary.safeParse(raw);
      if (!parsed.success || this.#hasEnded) return;
      this.#lastSignMs = performance.now();
      this.#listener.onMessage(parsed.data);
    });
    // Writing to a process that ends at this moment; its end is told by `exit`.
    this.#worker.on('error', () => {});
    this.#worker.on('exit', (code: number | null, signal: string | null) => {
      this.#hasEnded = true;
      if (pid !== undefined) orphans.release(pid);
      const call = record.take();
      const isCertain = this.#wasSilent || !FROM_OUTSIDE.includes(signal ?? '');
      this.#listener.onEnd({ code, signal, suspect: call && { ...call, isCertain } });
    });
  }

  get pid(): number | undefined {
    return this.#worker.process.pid;
  }

  get ageMs(): number {
    return performance.now() - this.#startedMs;
  }

  /** From here on another one is told. */
  listen(listener: ProcessListener): void {
    this.#listener = listener;
  }

  /** Since the last message, in ms. A process that is not blocked says something every second. */
  get silentMs(): number {
    return performance.now() - this.#lastSignMs;
  }

  send(message: ToWorker): void {
    if (!this.#hasEnded && this.#worker.isConnected()) this.#worker.send(message, () => {});
  }

  /** At once, also where it is stopped or blocked. @param isSilent it has given no sign of life. */
  kill({ isSilent = false } = {}): void {
    this.#wasSilent ||= isSilent;
    if (!this.#hasEnded) this.#worker.process.kill('SIGKILL');
  }
}
