// A worker: one member of a group with a connection of its own. Takes a batch, runs it, takes the next.
//
// Invariant: at most one batch is open, and without one no transaction is. No batch is asked for while the slot may belong to
// another process: two members of one name would take each other's batches for ever.
// Order: register · next batch (a transaction of its own) · the batch's transaction, which leaves a clean session · the next.
// Fails by: any error ends the connection; after a backoff a new one hands the batch back, so that this opening of it does
// not count, and takes it again under a new token. A batch that went to another member is no error: the next one is asked for.
import { setMaxListeners } from 'node:events';
import type { Logger } from 'pino';
import { sentenceFor } from '../../errors/sentence.ts';
import { sqlstateOf } from '../../errors/sqlstate.ts';
import type { Handler } from '../../handler/contract.ts';
import { backoffMs } from '../../lifecycle/backoff.ts';
import { repeat } from '../../lifecycle/retry.ts';
import type { Service } from '../../lifecycle/service.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { wait } from '../../lifecycle/wait.ts';
import { Connection } from '../../postgres/connection.ts';
import {
  type CoopMember,
  coopHandBack,
  coopLeave,
  coopRegister,
  STALE_BATCH_SQLSTATE,
} from '../../queue/coop.ts';
import type { StartMessage, ToPrimary } from '../protocol.ts';
import { runBatch } from './batch-run.ts';
import { LifeSigns } from './life-signs.ts';
import { newMemory } from './memory.ts';
import { nextBatch, type OpenedBatch } from './next-batch.ts';
import { HandedBack, type RateLimit, rateLimitOf } from './rate-limit.ts';
import { SentTicks } from './sent-ticks.ts';
import type { Tally } from './tally.ts';
import { cancelBackend, endWith } from './transaction/session.ts';
import type { TrackRecord } from './tries/track-record.ts';

/** Small ticks are joined up to this many events; with a rate up to a second's events, or one worker would get all. */
const EVENTS_TOGETHER = 5_000;
/** A worker that ends tries this often to tick what its handler sent. */
const LAST_TICKS = 10;
export interface WorkerOptions {
  readonly handler: Handler;
  readonly log: Logger;
  send(message: ToPrimary): void;
}

export class Worker implements Service {
  readonly name: string;
  readonly signs = new LifeSigns();
  readonly #start: StartMessage;
  readonly #options: WorkerOptions;
  readonly #membership: CoopMember;
  readonly #memory: ReturnType<typeof newMemory>;
  readonly #sentTicks = new SentTicks();
  readonly #rate: RateLimit | undefined;
  readonly #draining = new AbortController();
  readonly #stopNow = new AbortController();
  #waking = new AbortController();
  #connection: Connection | undefined;
  #heldUntilMs = Number.POSITIVE_INFINITY;
  /** Of the last batch that was taken. */
  #token: number | undefined;
  /** A batch was taken and not finished because of an error: it is to be handed back. */
  #isToHandBack = false;
  readonly #overrun = new AbortController();
  /** Looks in a row that found no batch. */
  #idle = 0;
  #hasWaited = false;
  /** The last batch that was waited for was found by a wake: then looks of our own are only for one that got lost. */
  #isNotified = false;

  constructor(start: StartMessage, options: WorkerOptions) {
    this.name = start.slot;
    this.#start = start;
    this.#memory = newMemory(start);
    this.#options = options;
    this.#membership = { queue: start.queue, group: start.group, member: start.slot };
    this.#rate = rateLimitOf(start, {
      signal: this.#draining.signal,
      onWaiting: () => this.signs.progress(),
    });
    this.held();
    // One listener for each call that is at work.
    setMaxListeners(0, this.#stopNow.signal);
    this.#draining.signal.addEventListener('abort', () => this.wake());
  }

  /** There may be a batch. */
  wake(): void {
    // With a reason: without one an error is made of it each time, stack and all.
    this.#waking.abort(null);
  }

  /** The slot's lease was renewed. */
  held(): void {
    this.#heldUntilMs = performance.now() + (this.#start.heldForMs ?? Number.POSITIVE_INFINITY);
  }

  async stop(): Promise<void> {
    this.#draining.abort();
  }

  /** Gives up the batch at hand as well. */
  stopNow(): void {
    this.#stopNow.abort(new Error('The worker has to stop before the batch is done.'));
    this.#draining.abort();
  }

  /** Takes no further batch: the process is to be replaced. */
  endAfterBatch(): void {
    this.#overrun.abort();
    this.wake();
  }

  /** The results of events that were tried. */
  get record(): TrackRecord {
    return this.#memory.record;
  }

  /** What was counted and not told yet. */
  get tally(): Tally {
    return this.#memory.tally;
  }

  /** True where the process should be replaced: a handler that did not come back in time may still run in it. */
  get hasOverrun(): boolean {
    return this.#overrun.signal.aborted;
  }

  async run(): Promise<void> {
    const signal = AbortSignal.any([this.#draining.signal, this.#overrun.signal]);
    await repeat(() => this.#turn(), {
      backoff: TIMING.connections.centralTrouble,
      signal,
      onFailure: async (error) => {
        this.#idle = 0;
        // Even where it is not broken: a session may be useless in other ways, for instance read-only.
        await this.#dropConnection();
        this.#options.send({ type: 'troubled', sentence: sentenceFor(error, 'The central database') });
      },
    });
    await this.#leave();
    await this.#memory.reports.close();
    this.record.folding.flush();
  }

  async #turn(): Promise<void> {
    this.signs.progress();
    const wasWoken = this.#waking.signal.aborted;
    // Before the look: a wake that comes during it must not be lost.
    this.#waking = new AbortController();
    if (this.#draining.signal.aborted) return;
    const found = await this.#work({ isLikely: wasWoken });
    if (found !== 'nothing') this.#idle = 0;
    if (found === 'more') return;
    this.#idle += 1;
    if (this.#idle === 1 && found === 'nothing') this.#options.send({ type: 'idle' });
    // No tick says that a key's rate allows more.
    const isSeldom = this.#isNotified && this.#start.keys?.isRated !== true;
    const backoff = isSeldom ? TIMING.worker.idleNotified : TIMING.worker.idle;
    const lookMs = backoffMs(this.#idle, backoff);
    await wait(Math.min(lookMs, this.#sentTicks.dueInMs ?? Infinity), this.#waking.signal);
    this.#hasWaited = true;
    // After a wake without a batch it reports idle again.
    if (this.#waking.signal.aborted) this.#idle = 0;
  }

  /**
   * @returns whether there was a batch, and `last` where nothing was behind it then, and what comes will wake us: a look would
   * cost as much as half a batch. @throws where central cannot be used.
   */
  async #work({ isLikely }: { readonly isLikely: boolean }): Promise<'nothing' | 'more' | 'last'> {
    if (performance.now() > this.#heldUntilMs) return 'nothing';
    const connection = await this.#connected();
    await this.#handBack(connection);
    await this.#sentTicks.run(connection);
    const minCount = Math.min(EVENTS_TOGETHER, Math.ceil(this.#start.ratePerSecond ?? EVENTS_TOGETHER));
    const opened = await nextBatch(connection, {
      ...{ minCount, isLikely, membership: this.#membership, handler: this.#options.handler },
      ...{ memory: this.#memory, timeoutMs: this.#start.timeoutMs, hasRate: this.#rate !== undefined },
      onOpenedOnly: (token) => {
        this.#token = token;
        this.#isToHandBack = true;
      },
    });
    if (opened === undefined) return 'nothing';
    if (this.#hasWaited) this.#isNotified = isLikely;
    this.#hasWaited = false;
    const { batch } = opened;
    const { token, openings, takenOverFrom, lane } = batch;
    this.#token = token;
    this.record.opened();
    this.tally.deliveries.opened(batch);
    this.#memory.recorder?.opened(token);
    this.#options.send({ type: 'opened', token, openings, takenOverFrom, lane });
    try {
      const { hasOverrun, ...counts } = await this.#run(connection, opened).finally(() =>
        this.#memory.recorder?.clear(),
      );
      if (hasOverrun) this.#overrun.abort();
      // Ticks are joined as far as there are any, up to `minCount` events. One opened before is what it was; other lanes may have more.
      const isLast = lane === undefined && openings === 1 && counts.events < minCount;
      const isIdle = isLast && this.#isNotified && !this.hasOverrun;
      const rssBytes = process.memoryUsage.rss();
      this.#options.send({ type: 'finished', token, ...counts, rssBytes, isIdle });
      return isIdle ? 'last' : 'more';
    } catch (error) {
      const isStale = sqlstateOf(error) === STALE_BATCH_SQLSTATE;
      this.#options.send({ type: 'gaveUp', token, sentence: sentenceFor(error, `Batch ${token}`) });
      if (isStale) {
        await endWith('rollback', connection);
        return 'more';
      }
      this.#isToHandBack = true;
      // No error: nothing is open on the connection.
      if (error instanceof HandedBack) await this.#handBack(connection);
      else throw error;
    }
    return 'more';
  }

  /** A batch that a living worker did not finish has killed none: this opening must not count. */
  async #handBack(connection: Connection): Promise<void> {
    if (this.#isToHandBack && this.#token !== undefined) await coopHandBack(connection, this.#token);
    this.#isToHandBack = false;
  }

  #run(connection: Connection, { batch, first }: OpenedBatch) {
    const { queue, origin, centralQueues = {}, timeoutMs, retry, slot, work = queue } = this.#start;
    const { hasResults = false } = this.#start;
    const { handler, log } = this.#options;
    return runBatch(connection, batch, {
      ...this.#memory,
      first,
      membership: this.#membership,
      work,
      host: this.#start.host,
      source: { queue, origin },
      handler,
      log: log.child({ queue: work, slot, batch: batch.token }),
      timeoutMs,
      retry,
      draining: this.#draining.signal,
      stopNow: this.#stopNow.signal,
      ...{ centralQueues, hasResults },
      onSent: (queue, xid) => this.#sentTicks.committed(queue, xid),
      tickSent: () => this.#sentTicks.run(connection),
      rate: this.#rate,
      keysAtOnce: this.#start.keys?.atOnce ?? 1,
      cancelStatement: async () => await cancelBackend(await this.#open(), connection.backendPid),
      suspect: this.#start.suspect,
      onAdvanced: () => this.#options.send({ type: 'advanced' }),
      signs: this.signs,
    });
  }

  async #connected(): Promise<Connection> {
    if (this.#connection?.failed === false) return this.#connection;
    await this.#dropConnection();
    this.#connection = await this.#open();
    await coopRegister(this.#connection, this.#membership);
    this.#options.send({ type: 'ready' });
    return this.#connection;
  }

  #open(): Promise<Connection> {
    return Connection.open(this.#start.central, {
      applicationName: `tributary ${this.#start.slot}`,
      plainTypes: true,
    });
  }

  async #dropConnection(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection === undefined) return;
    if (connection.failed) connection.destroy();
    else await connection.close();
  }

  async #leave(): Promise<void> {
    try {
      if (this.#isToHandBack && this.#connection?.failed !== false) {
        await this.#dropConnection();
        this.#connection = await this.#open();
      }
      if (this.#connection?.failed === false) {
        await this.#handBack(this.#connection);
        for (let tries = 0; tries < LAST_TICKS && this.#sentTicks.dueInMs !== undefined; tries++) {
          await wait(this.#sentTicks.dueInMs);
          await this.#sentTicks.run(this.#connection);
        }
        await coopLeave(this.#connection, this.#membership, this.#token);
      }
    } catch {
      // Not necessary: an idle member that stays registered holds nothing up.
    }
    await this.#dropConnection();
  }
}
