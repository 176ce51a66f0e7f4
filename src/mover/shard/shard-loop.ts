// The life of one shard: connect, take turns until stopped, and after trouble wait and begin again from central's positions.
//
// Invariant: turns follow one another and wait for no central queue: each source limits how far its reading runs ahead of
// central. After a failure a source is read on once nothing of it is under way and its position was read from central.
import type { StoredSource } from '../../central/positions.ts';
import type { StoredState } from '../../central/source-states.ts';
import type { Shard } from '../../config/config.ts';
import { sentenceFor } from '../../errors/sentence.ts';
import type { WatchedService } from '../../lifecycle/service-set.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { Signal, wait } from '../../lifecycle/wait.ts';
import { Connection } from '../../postgres/connection.ts';
import type { MoverContext } from '../context.ts';
import { CentralAge } from '../older-central.ts';
import type { Source } from '../source/source.ts';
import { isPausing } from '../windows/copy-windows.ts';
import { handOnEmpty } from '../windows/empty-windows.ts';
import { LargeWindows } from '../windows/large-windows.ts';
import { endLeftBehind, isMovedAway, meet, stay } from './meet-shard.ts';
import { missingAmong, noteMissing } from './missing-queues.ts';
import { RoundClock } from './round-clock.ts';
import { ShardSession, type TurnResult } from './shard-session.ts';
import { ShardSources } from './shard-sources.ts';
import { retryAfterMs, TurnPace } from './turn-pace.ts';

export interface ShardLoopOptions {
  readonly context: MoverContext;
  /** Reads this shard's sources and positions from central. */
  readonly loadSources: () => Promise<StoredSource[]>;
  /** The silent member that had the shard before; undefined: nobody, or one that let go of it. */
  readonly takenFrom?: string | undefined;
}

const ACTIVE: StoredState = { state: 'active', haltReason: undefined, paused: false, pauseReason: undefined };

export class ShardLoop implements WatchedService {
  readonly name: string;
  readonly shard: Shard;
  readonly #options: ShardLoopOptions;
  readonly #largeWindows: LargeWindows;
  readonly #stopped = new AbortController();
  /** A parcel has ended, or a large window has, or the loop is to end. */
  readonly #changed = new Signal();
  readonly #clock = new RoundClock();
  readonly #sources: ShardSources;
  readonly #centralAge: CentralAge;
  #turns = 0;
  #connection: Connection | undefined;
  /** A queue may have been created anew, with other tables, or the shard may be elsewhere: only a new session knows that. */
  #isToBeMet = false;
  /** The identity of the database that this session leads to. */
  #database: string | undefined;
  /** Whose sessions may be left on the shard; undefined: they were ended. */
  #takenFrom: string | undefined;
  #failures = 0;
  #lastFlushMs = 0;
  /** What the last turn left on the shard for lack of room. */
  #heldBack: TurnResult['heldBack'] = [];
  #trouble: string | undefined;
  #troubleEndedAtMs = Number.NEGATIVE_INFINITY;

  constructor(shard: Shard, options: ShardLoopOptions) {
    this.name = `shard ${shard.name}`;
    this.shard = shard;
    this.#options = options;
    this.#takenFrom = options.takenFrom;
    this.#centralAge = new CentralAge(shard, options.context);
    this.#sources = new ShardSources(shard, {
      context: options.context,
      load: options.loadSources,
      onOvertaken: () => stay(shard, this.#database, options.context),
      onSettled: () => this.#changed.notify(),
      onReloaded: (lost) => this.#centralAge.reloaded(lost),
    });
    this.#largeWindows = new LargeWindows(shard, {
      context: options.context,
      onEnded: () => this.#changed.notify(),
    });
  }

  /** Bytes from the shard within a turn are progress, too. */
  get turns(): number {
    return this.#turns + (this.#connection?.received ?? 0);
  }

  get sources(): readonly Source[] {
    return this.#sources.all;
  }

  /** Of the sources that central has for this shard, see sourcesMark. */
  get mark(): number {
    return this.#sources.mark;
  }

  /** Whether events of it may still go to this gatherer. */
  feeds(gatherer: string): boolean {
    return this.#sources.feeds(gatherer);
  }

  /** Why the whole shard does not move; undefined: it does. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** On the monotonic clock, ms. */
  get troubleEndedAtMs(): number {
    return this.#troubleEndedAtMs;
  }

  /** Whether the shard takes too long to answer. */
  isOverdue(nowMs: number): boolean {
    return this.#clock.isOverdue(nowMs);
  }

  /** Which PgQ the shard has; undefined: not seen yet, or none of its queues is there. */
  provider: ShardSession['provider'];

  async run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        await this.#sources.refresh();
        await this.#untilInstalled();
        if (!signal.aborted) await this.#session();
      } catch (error) {
        // Stopped while connecting: not a failure.
        if (signal.aborted) break;
        this.#turns += 1;
        this.#sources.distrust();
        if (isPausing(error)) {
          this.#drop();
          continue;
        }
        this.#failures += 1;
        const retryMs = retryAfterMs(this.shard, this.#failures);
        this.#trouble = sentenceFor(error, `Shard ${this.shard.name}`);
        this.#options.context.onOccurrence({ kind: 'shard-trouble', shard: this.shard.name, error, retryMs });
        this.#drop();
        if (isMovedAway(error)) this.#options.context.onLeft(this.shard.name);
        await wait(retryMs, signal);
      }
    }
    // Nothing is read any more: while central takes what was read, or does not answer, the shard has a connection less.
    await Promise.all([this.#untilSettled(), this.#largeWindows.end(), this.#connection?.close()]);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#changed.notify();
  }

  abandon(): void {
    void this.stop();
    void this.#largeWindows.end();
    this.#connection?.destroy();
  }

  /** Takes over what operators changed: pauses, halts, repairs; `isOther`: the set of sources is not the one we know. */
  refresh(exceptions: ReadonlyMap<number, StoredState>, isOther: boolean): void {
    if (isOther) this.#sources.distrust();
    for (const source of this.sources) {
      const stored = exceptions.get(source.id) ?? ACTIVE;
      if (source.position === undefined) source.distrust();
      // The source was repaired or reinstalled: its position may not be where we left it.
      else if (source.trouble?.state === 'halted' && stored.state === 'active') {
        this.#sources.distrust();
        this.#isToBeMet = true;
      }
      source.refresh(stored);
    }
  }

  /** Central was asked how much room its queues have: what the last turn held back may go on. */
  lookedForRoom(): void {
    if (!this.#heldBack.some((hasRoom) => hasRoom())) return;
    this.#heldBack = [];
    this.#changed.notify();
  }

  /** The file has changed: what concerns this shard counts from its next turn on; where nothing does it goes on as it was. */
  reread(): void {
    if (this.#sources.reread()) this.#changed.notify();
  }

  /** The shard was moved away from these databases: nothing more is read from one of them. */
  leave(databases: readonly string[]): void {
    if (this.#database === undefined || !databases.includes(this.#database)) return;
    this.#database = undefined;
    this.#sources.distrust();
    this.#isToBeMet = true;
  }

  /** Where that is done by itself: until then nothing can be read there, and there may be no PgQ. */
  async #untilInstalled(): Promise<void> {
    const { signal } = this.#stopped;
    const { config } = this.#options.context;
    while (config.install === 'auto' && this.sources.length === 0 && !signal.aborted) {
      this.#turns += 1;
      await this.#changed.next(TIMING.shard.idleMs);
      if (this.#sources.mayRefresh) await this.#sources.refresh();
    }
  }

  async #session(): Promise<void> {
    const { signal } = this.#stopped;
    const { context } = this.#options;
    const shard = this.shard.name;
    const connection = await Connection.open(this.shard, {
      applicationName: context.sessions,
      connectTimeoutMs: this.#failures === 0 ? TIMING.shard.connectMs : TIMING.shard.patientConnectMs,
      signal,
    });
    this.#connection = connection;
    this.#isToBeMet = false;
    const opened = this.sources;
    const session = await ShardSession.open(this.shard, opened, {
      connection,
      context,
      timed: (round) => this.#clock.time(round, (ms) => context.onOccurrence({ kind: 'round', shard, ms })),
      clock: this.#clock,
      onLarge: (found) => this.#largeWindows.begin(found),
    });
    const { queues } = session;
    const onLooked = () => {
      this.#turns += 1;
    };
    this.#database = await meet(
      connection,
      { shard: this.shard, sources: opened, queues, onLooked },
      context,
    );
    if (this.#takenFrom !== undefined) await endLeftBehind(connection, this.#takenFrom, { shard, context });
    this.#takenFrom = undefined;
    this.#centralAge.connected();
    this.provider = session.provider;
    const openedAtMs = performance.now();
    context.onOccurrence({ kind: 'shard-connected', shard: this.shard.name });
    const pace = new TurnPace(() => context.config.mover.delayMs);
    while (!signal.aborted && !this.#isToBeMet) {
      this.#turns += 1;
      if (this.#sources.mayRefresh) await this.#sources.refresh();
      // Rounds are prepared for the sources that there were.
      if (this.sources.some((source) => !opened.includes(source))) break;
      await this.#centralAge.compareIfDue(connection, this.sources);
      const isToBeLookedFor = performance.now() - openedAtMs > TIMING.shard.missingQueueMs;
      if (isToBeLookedFor && missingAmong(this.sources, queues).length > 0) break;
      noteMissing(this.sources, queues);
      const result = await session.turn(this.sources, pace.begin());
      this.#failures = 0;
      this.#troubleEnded();
      this.#heldBack = result.heldBack;
      if (result.isOutdated) break;
      this.#flushIdle();
      this.#turns += 1;
      await session.upkeep(this.sources);
      pace.ended(result);
      const { backlogged, heldBack } = result;
      if (result.isToSeparate || backlogged.some(({ isReadable }) => isReadable)) continue;
      const isWaiting =
        backlogged.length + heldBack.length > 0 || this.sources.some(({ isStale }) => isStale);
      if (isWaiting) await this.#untilSettledOne(pace);
      else await wait(pace.pauseMs, signal);
    }
    if (!signal.aborted) await connection.close();
  }

  #troubleEnded(): void {
    if (this.#trouble !== undefined) this.#troubleEndedAtMs = performance.now();
    this.#trouble = undefined;
  }

  #drop(): void {
    this.#database = undefined;
    this.#connection?.destroy();
    this.#connection = undefined;
  }

  async #untilSettled(): Promise<void> {
    while (this.#sources.isUnderWay) await this.#changed.next();
  }

  /** Until central has taken or refused something of the shard; others of its queues are not kept waiting for it. */
  async #untilSettledOne(pace: TurnPace): Promise<void> {
    const { signal } = this.#stopped;
    const mostMs = Math.max(pace.pauseMs, TIMING.shard.waitingMs);
    if (!signal.aborted && !this.#sources.mayRefresh) await this.#changed.next(mostMs);
    await wait(pace.leastPauseMs, signal);
  }

  /** Empty windows move the position too; such positions are stored now and then, together. */
  #flushIdle(): void {
    const nowMs = performance.now();
    if (nowMs - this.#lastFlushMs < TIMING.shard.idleFlushMs) return;
    this.#lastFlushMs = nowMs;
    for (const source of this.sources) {
      // Other sources of the shard may be under way to central all the time: each source follows its own parcels.
      if (source.canMove() && !source.isStale) void handOnEmpty(source, this.#options.context);
    }
  }
}
