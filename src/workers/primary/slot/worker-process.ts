// One forked worker process as the primary sees it: typed messages in and out, signs of life, and its end.
import cluster, { type Worker as ClusterWorker } from 'node:cluster';
import { packagePath } from '../../../lifecycle/package-root.ts';
import { TIMING } from '../../../lifecycle/timing.ts';
import { CallRecord, type LastCall } from '../../call-record.ts';
import { ENDED, type ToPrimary, type ToWorker, toPrimary } from '../../protocol.ts';
import { evidenceOf, outOfMemoryKills, type WorkerDeath } from './evidence.ts';
import { OrphanGuard } from './orphan-guard.ts';

export interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
  /** It was asked to end, or had announced it. */
  readonly isOrderly: boolean;
  /** We killed it, not for its silence. */
  readonly isOurDoing: boolean;
  /** What the death says about the event at hand. */
  readonly evidence: ReturnType<typeof evidenceOf>;
  /** The call of the handler that the process died in. */
  readonly call: LastCall | undefined;
  /** Calls are recorded. */
  readonly isRecorded: boolean;
}

export interface ProcessListener {
  onMessage(message: ToPrimary): void;
  onEnd(ending: Ending): void;
}

/** Always the compiled file: workers of the sources in tests run from `dist` as well. */
const CHILD_ENTRY = packagePath('dist', 'run', 'worker.js');

/** One for all workers of this process, as node:cluster is. */
const orphans = new OrphanGuard();

export class WorkerProcess {
  readonly #worker: ClusterWorker;
  readonly #startedMs = performance.now();
  #lastSignMs = performance.now();
  #lastLookMs = performance.now();
  #kernelKills = outOfMemoryKills();
  #hasEnded = false;
  #mayEnd = false;
  #killed: WorkerDeath['killed'];
  #listener: ProcessListener;

  constructor(listener: ProcessListener) {
    this.#listener = listener;
    // node:cluster has one set of settings for the process, which counts at the time of a fork.
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
      if (parsed.data.type === 'pulse') this.#kernelKills = outOfMemoryKills();
      if (parsed.data.type === 'ending') this.#mayEnd = true;
      this.#listener.onMessage(parsed.data);
    });
    // Writing to a process that ends at this moment fails; `exit` reports its end.
    this.#worker.on('error', () => {});
    this.#worker.on('exit', (code: number | null, signal: string | null) => {
      this.#hasEnded = true;
      if (pid !== undefined) orphans.release(pid);
      const kernelKills = outOfMemoryKills();
      const wasOutOfMemory =
        kernelKills === undefined ? undefined : kernelKills > (this.#kernelKills ?? kernelKills);
      this.#listener.onEnd({
        ...{ code, signal },
        isOrderly: this.#mayEnd && signal === null && (code === ENDED.drained || code === ENDED.recycled),
        isOurDoing: this.#killed === 'ours',
        evidence: evidenceOf({ code, signal, killed: this.#killed, wasOutOfMemory }),
        isRecorded: record.isKept,
        call: record.take(),
      });
    });
  }

  get pid(): number | undefined {
    return this.#worker.process.pid;
  }

  get ageMs(): number {
    return performance.now() - this.#startedMs;
  }

  /** From here on another listener is called. */
  listen(listener: ProcessListener): void {
    this.#listener = listener;
  }

  /**
   * For how long it has sent nothing, in ms; a worker that is not blocked sends something every second. Call it again and
   * again: time in which this process itself did not run does not count.
   */
  silentMs(): number {
    const nowMs = performance.now();
    const sinceMs = nowMs - this.#lastLookMs;
    this.#lastLookMs = nowMs;
    if (sinceMs > TIMING.slots.processLooksMs) this.#lastSignMs = Math.min(nowMs, this.#lastSignMs + sinceMs);
    return nowMs - this.#lastSignMs;
  }

  send(message: ToWorker): void {
    this.#mayEnd ||= message.type === 'drain' || message.type === 'abort';
    if (!this.#hasEnded && this.#worker.isConnected()) this.#worker.send(message, () => {});
  }

  /** Kills it at once, even where it is stopped or blocked. @param isSilent it has given no sign of life. */
  kill({ isSilent = false } = {}): void {
    this.#killed ??= isSilent ? 'silent' : 'ours';
    if (!this.#hasEnded) this.#worker.process.kill('SIGKILL');
  }
}
