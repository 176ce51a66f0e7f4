// A slot that this host holds: keeps one worker process alive in it, until `stop`.
//
// States: running (a process is there) · resting (it died, the next one starts after a backoff) · parked (its handler cannot
// be loaded; tried again now and then) · stopping · ended.
// Invariant: at most one process works at a time; while it does, another one may only load the handler (see Successor). A
// batch that a dead process had open comes to the next one in the same slot, which has the same name.
// Order of a replacement: the successor has loaded the handler · the old one drains and ends · the successor begins.
import type { Recycle } from '../../../config/config.ts';
import { TIMING } from '../../../lifecycle/timing.ts';
import { ENDED, type FatalCall, type StartMessage, type ToPrimary } from '../../protocol.ts';
import type { OfSlot, OnWorkerOccurrence } from '../occurrence.ts';
import { suspectOf } from './evidence.ts';
import { silence, stall } from './liveness-limits.ts';
import { wornOut } from './recycling.ts';
import { Replacement } from './replacement.ts';
import { restartMs } from './restart-delay.ts';
import { Standing } from './standing.ts';
import type { StopOptions } from './stopping.ts';
import { type Ending, type ProcessListener, WorkerProcess } from './worker-process.ts';

export interface SlotOptions {
  /** The first message to a process that begins now. */
  readonly start: () => StartMessage;
  readonly recycle: () => Recycle;
  /** The generation wanted: how often all workers of the queue were to be replaced so far. */
  generation(): number;
  /** We ended its process, not for its silence, while it had the batch with this token. */
  onAbandoned(token: number): void;
  /** Its worker has looked for a batch, found none, and waits. */
  onIdle(): void;
  readonly onOccurrence: OnWorkerOccurrence;
}

export class Slot {
  readonly name: string;
  readonly queue: string;
  /** What its process was begun with. */
  #start: StartMessage;
  readonly #options: SlotOptions;
  readonly #onOccurrence: OnWorkerOccurrence;
  readonly #luck = Math.random();
  readonly ended: Promise<void>;
  #resolveEnded = () => {};
  #state: 'running' | 'resting' | 'parked' | 'stopping' | 'ended' = 'resting';
  #process: WorkerProcess | undefined;
  #timer: NodeJS.Timeout | undefined;
  #crashes = 0;
  #drainMs = Number.POSITIVE_INFINITY;
  #isIdle = false;
  #isReady = false;
  #unusable: string | undefined;
  #suspect: FatalCall | undefined;
  #batches = 0;
  #generation = 0;
  readonly #replacement: Replacement;
  readonly standing: Standing;

  constructor(options: SlotOptions) {
    this.#start = options.start();
    this.name = this.#start.slot;
    this.queue = this.#start.work ?? this.#start.queue;
    this.standing = new Standing(this.name);
    this.#options = options;
    this.#onOccurrence = options.onOccurrence;
    this.#replacement = new Replacement({
      start: options.start,
      onReady: () => this.#process?.send({ type: 'drain' }),
      onKept: (sentence) => this.#onOccurrence({ kind: 'worker-kept', ...this.#who(), sentence }),
    });
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#fork();
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  get isRunning(): boolean {
    return this.#isReady;
  }

  get isIdle(): boolean {
    return this.#isIdle;
  }

  /** Why no process runs in it, where its handler cannot be loaded. */
  get unusable(): string | undefined {
    return this.#unusable;
  }

  /** The batch that a living process works on. */
  get token(): number | undefined {
    return this.standing.token;
  }

  /** Of the process that works in it. */
  get generation(): number {
    return this.#generation;
  }

  /** When the process that works in it began. */
  get bornMs(): number {
    return performance.now() - (this.#process?.ageMs ?? 0);
  }

  get replacement(): Pick<Replacement, 'ageMs' | 'kept'> {
    return this.#replacement;
  }

  /**
   * Another process takes the slot over, once it has loaded the handler and this one has finished its batch.
   * @param wantedMs since when it is wanted.
   * @returns whether it was begun.
   */
  replace(reason: string, wantedMs = Number.NEGATIVE_INFINITY): boolean {
    if (this.#state === 'parked') this.#forkIn(0);
    if (this.#state !== 'running' || !this.#replacement.isPossible(wantedMs)) return false;
    this.#onOccurrence({ kind: 'worker-replaced', ...this.#who(), reason });
    this.#replacement.begin(this.#options.generation());
    return true;
  }

  wake(): void {
    this.#isIdle = false;
    this.#process?.send({ type: 'wake' });
  }

  /** The slot's lease is still held. */
  renew(): void {
    this.#process?.send({ type: 'held' });
  }

  /** Kills the process at once; another one follows unless the slot is being emptied. */
  kill(): void {
    this.#process?.kill();
  }

  /** Kills a process that is blocked or stopped beyond what its handler may take, or that does not come up. */
  checkSilence(): void {
    this.#replacement.check();
    this.#killIf(silence(this.#process?.silentMs() ?? 0, this.#start.timeoutMs, this.#isReady));
  }

  /** Drains, then aborts, then kills; resolves when no process is left. */
  async stop({ drainMs, abortMs }: StopOptions): Promise<void> {
    // A call with a shorter limit counts anew from there.
    if (this.#state === 'ended' || (this.#state === 'stopping' && drainMs >= this.#drainMs))
      return this.ended;
    this.#drainMs = drainMs;
    this.#state = 'stopping';
    clearTimeout(this.#timer);
    this.#replacement.cancel();
    if (this.#process === undefined) {
      this.#end();
      return;
    }
    this.#process.send({ type: 'drain' });
    this.#timer = setTimeout(() => {
      this.#process?.send({ type: 'abort' });
      this.#timer = setTimeout(() => this.#process?.kill(), abortMs);
    }, drainMs);
    await this.ended;
  }

  #fork(): void {
    this.#start = this.#options.start();
    this.#work(new WorkerProcess(this.#listener()), this.#options.generation());
  }

  #work(process: WorkerProcess, generation: number): void {
    this.#state = 'running';
    this.#process = process;
    this.#generation = generation;
    this.#batches = 0;
  }

  #listener(): ProcessListener {
    return {
      onMessage: (message) => this.#onMessage(message),
      onEnd: (ending) => this.#onEnd(ending),
    };
  }

  #onMessage(message: ToPrimary): void {
    if (message.type === 'up')
      this.#process?.send(
        this.#state === 'stopping' ? { type: 'drain' } : { ...this.#start, suspect: this.#suspect },
      );
    this.standing.note(message);
    const occurrence = this.#take(message);
    if (occurrence !== undefined) this.#onOccurrence({ ...this.#who(), ...occurrence });
    if ('counted' in message && message.counted !== undefined)
      this.#onOccurrence({ ...this.#who(), kind: 'counted', ...message.counted });
    if (message.type === 'idle' || (message.type === 'finished' && message.isIdle)) {
      this.#isIdle = true;
      this.#options.onIdle();
    }
    if (message.type === 'pulse') this.#killIf(stall(message.stalledMs, this.#start.timeoutMs));
    if (message.type === 'finished' || (message.type === 'pulse' && this.token === undefined))
      this.#replaceIfWornOut(message.rssBytes);
  }

  #killIf(reason: OfSlot | undefined): void {
    if (reason === undefined) return;
    this.#onOccurrence({ ...this.#who(), ...reason });
    this.#process?.kill({ isSilent: true });
  }

  #replaceIfWornOut(rssBytes: number | undefined): void {
    const wear = { batches: this.#batches, ageMs: this.#process?.ageMs ?? 0, rssBytes };
    const reason = wornOut(wear, this.#options.recycle(), this.#luck);
    if (reason !== undefined) this.replace(reason);
  }

  /** Takes over what the message says. @returns the occurrence to report, if any. */
  #take(message: ToPrimary): OfSlot | undefined {
    switch (message.type) {
      case 'ready':
        this.#isReady = true;
        this.#unusable = undefined;
        return { kind: 'worker-ready' };
      case 'unusable':
        this.#unusable = message.sentence;
        break;
      case 'opened': {
        const { token, openings, takenOverFrom, lane } = message;
        this.#isIdle = false;
        return { kind: 'batch-opened', token, openings, takenOverFrom, lane };
      }
      case 'finished': {
        const { token, events, putOff, dead } = message;
        this.#crashes = 0;
        this.#suspect = undefined;
        this.#batches += 1;
        return { kind: 'batch-finished', token, events, putOff, dead, ms: this.standing.close() };
      }
      case 'gaveUp':
        this.standing.close();
        return { kind: 'batch-given-up', token: message.token, sentence: message.sentence };
      case 'troubled':
        return { kind: 'worker-troubled', sentence: message.sentence };
      case 'advanced':
        this.#crashes = 0;
        break;
      case 'pulse': {
        const batch = this.standing.dueProgress();
        return batch && { kind: 'batch-progress', ...batch };
      }
    }
    return undefined;
  }

  #onEnd({ code, signal, isOrderly, ...ending }: Ending): void {
    const who = this.#who();
    const { token } = this;
    const suspect = suspectOf(ending.evidence, { ...ending, token });
    if (ending.isOurDoing && token !== undefined) this.#options.onAbandoned(token);
    this.#process = undefined;
    this.#isReady = this.#isIdle = false;
    this.standing.ended(isOrderly || code === ENDED.unusable ? undefined : (signal ?? `exit code ${code}`));
    if (isOrderly) this.#onOccurrence({ kind: 'worker-ended', ...who, isRecycled: code === ENDED.recycled });
    else this.#suspect = suspect ?? this.#suspect;
    const next = this.#replacement.take(this.#listener(), this.#suspect);
    if (this.#state === 'stopping') {
      this.#end();
    } else if (next !== undefined) {
      if (!isOrderly) this.#onOccurrence({ kind: 'worker-died', ...who, code, signal, restartMs: 0 });
      this.#start = next.start;
      this.#work(next.process, next.generation);
    } else if (code === ENDED.unusable && this.#unusable !== undefined) {
      this.#state = 'parked';
      this.#forkIn(TIMING.slots.parkedMs);
    } else if (isOrderly) {
      this.#fork();
    } else {
      this.#crashes += 1;
      this.#state = 'resting';
      const waitMs = restartMs(this.#crashes, suspect);
      this.#onOccurrence({ kind: 'worker-died', ...who, code, signal, restartMs: waitMs });
      this.#forkIn(waitMs);
    }
  }

  #forkIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#fork(), ms);
  }

  #end(): void {
    clearTimeout(this.#timer);
    this.#state = 'ended';
    this.#resolveEnded();
  }

  #who() {
    return { queue: this.queue, slot: this.name, pid: this.pid };
  }
}
