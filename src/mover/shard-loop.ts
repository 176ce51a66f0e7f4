// The life of one shard: connect, take turns until stopped, and after trouble wait and begin again from central's positions.
//
// Invariant: turns follow one another; at most two turns' parcels are under way to central. After any failure all that is
// under way is awaited and the positions are read from central before the next turn.

import type { StoredSource } from '../central/positions.ts';
import type { SourceState } from '../central/source-states.ts';
import type { Shard } from '../config/config.ts';
import { sentenceFor } from '../errors/sentence.ts';
import { sqlstateOf } from '../errors/sqlstate.ts';
import { TributaryError } from '../errors/tributary-error.ts';
import { backoffMs } from '../lifecycle/backoff.ts';
import type { Service } from '../lifecycle/service.ts';
import { wait } from '../lifecycle/wait.ts';
import { Connection } from '../postgres/connection.ts';
import type { Provider } from '../queue/provider.ts';
import { type QueueOnShard, resolveQueues } from '../shards/queue-on-shard.ts';
import { PreparedRound } from '../shards/round-statements.ts';
import { readingsOf } from '../shards/window.ts';
import { Asides } from './asides.ts';
import { handOnEmpty } from './empty-windows.ts';
import type { MoverContext } from './mover-context.ts';
import { ShardSession, type TurnResult } from './shard-session.ts';
import { ShardUpkeep } from './shard-upkeep.ts';
import { Source } from './source.ts';

export interface ShardLoopOptions {
  readonly context: MoverContext;
  /** Reads this shard's sources and positions from central. */
  readonly loadSources: () => Promise<StoredSource[]>;
}

/** Ticks of one queue are at least this far apart, so rounds need not come faster, in ms. */
const MIN_INTERVAL_MS = 20;
const IDLE_INTERVAL_MS = 1_000;
/** Positions that only empty windows moved are stored this often. */
const IDLE_FLUSH_MS = 5_000;
/** A queue that did not exist is looked for again this often. */
const MISSING_QUEUE_MS = 10_000;
const MOST_TURNS_UNDER_WAY = 2;
const CONNECT_TIMEOUT_MS = 5_000;
/** After a failure, which told why: a shard two seconds away needs some six to log in. */
const PATIENT_TIMEOUT_MS = 10_000;
const ACTIVE: SourceState = { state: 'active', haltReason: undefined, paused: false, pauseReason: undefined };

export class ShardLoop implements Service {
  readonly name: string;
  readonly shard: Shard;
  readonly #options: ShardLoopOptions;
  readonly #asides: Asides;
  readonly #stopped = new AbortController();
  #sources: Source[] = [];
  #known = 0;
  #connection: Connection | undefined;
  #underWay: Promise<unknown[]>[] = [];
  #isStale = true;
  /** A queue may have been created anew, with other tables: only a new session knows them. */
  #isRepaired = false;
  #failures = 0;
  #lastFlushMs = 0;

  constructor(shard: Shard, options: ShardLoopOptions) {
    this.name = `shard ${shard.name}`;
    this.shard = shard;
    this.#options = options;
    this.#asides = new Asides(shard, {
      context: options.context,
      onEnded: () => {
        this.#isStale = true;
      },
    });
  }

  get sources(): readonly Source[] {
    return this.#sources;
  }

  /** How many sources central has for this shard, those that the file does not name any more among them. */
  get known(): number {
    return this.#known;
  }

  /** Why the whole shard does not move; undefined: it does. */
  trouble: string | undefined;

  /** Whose PgQ the shard has; undefined: not seen yet, or none of its queues is there. */
  provider: Provider | undefined;

  async run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        await this.#refreshSources();
        await this.#session();
      } catch (error) {
        // Whoever waits for a connection is not kept by it.
        if (signal.aborted) break;
        this.#failures += 1;
        const retryMs = backoffMs(this.#failures, { firstMs: 200, maxMs: 10_000 });
        this.trouble = sentenceFor(error, `Shard ${this.shard.name}`);
        this.#options.context.onOccurrence({ kind: 'shard-trouble', shard: this.shard.name, error, retryMs });
        this.#connection?.destroy();
        this.#connection = undefined;
        this.#isStale = true;
        await wait(retryMs, signal);
      }
    }
    await Promise.all([this.#settle(0), this.#asides.end()]);
    await this.#connection?.close();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
  }

  /** Takes over what operators changed: pauses, halts, repairs; `isOther`: the set of sources is not the one we know. */
  refresh(exceptions: ReadonlyMap<number, SourceState>, isOther: boolean): void {
    if (isOther) this.#isStale = true;
    for (const source of this.#sources) {
      const stored = exceptions.get(source.id) ?? ACTIVE;
      // Somebody repaired or reinstalled it: its position may not be where we left it.
      if (source.trouble?.state === 'halted' && stored.state === 'active') {
        this.#isStale = true;
        this.#isRepaired = true;
      }
      source.refresh(stored);
    }
  }

  async #session(): Promise<void> {
    const { signal } = this.#stopped;
    const { context } = this.#options;
    const connection = await Connection.open(this.shard, {
      applicationName: `tributary mover ${context.config.name}`,
      connectTimeoutMs: this.#failures === 0 ? CONNECT_TIMEOUT_MS : PATIENT_TIMEOUT_MS,
      signal,
    });
    this.#connection = connection;
    this.#isRepaired = false;
    const queues = await resolveQueues(
      connection,
      this.shard.schema,
      this.#sources.map(({ queue }) => queue),
    );
    this.provider = [...queues.values()][0]?.provider;
    const resolvedAtMs = Date.now();
    const session = new ShardSession(this.shard, {
      connection,
      queues,
      context,
      prepared: await this.#prepare(connection, queues),
      onLarge: (found) => this.#asides.begin(found),
    });
    context.onOccurrence({ kind: 'shard-connected', shard: this.shard.name });
    const upkeep = new ShardUpkeep(this.shard, context);
    let idleMs = MIN_INTERVAL_MS;
    let chaseMs = MIN_INTERVAL_MS;
    let exactAtMs = 0;
    while (!signal.aborted && !this.#isRepaired) {
      if (this.#isStale) await this.#refreshSources();
      this.#noteMissing(queues);
      const beganMs = Date.now();
      const isExact = beganMs >= exactAtMs;
      const result = await session.turn(this.#sources, isExact ? 'exact' : 'quick');
      this.#failures = 0;
      this.trouble = undefined;
      await this.#follow(result);
      await upkeep.runIfDue(connection, this.#sources);
      // Late committers: while transactions are open at a tick, look for what they commit, less and less often.
      chaseMs = result.rows > 0 ? MIN_INTERVAL_MS : Math.min(IDLE_INTERVAL_MS, chaseMs * 2);
      if (isExact || result.rows > 0)
        exactAtMs = Date.now() + (result.hasOpen ? chaseMs : IDLE_INTERVAL_MS / 2);
      idleMs = result.rows > 0 ? MIN_INTERVAL_MS : Math.min(IDLE_INTERVAL_MS, idleMs * 2);
      if (
        this.#sources.some(({ queue }) => !queues.has(queue)) &&
        Date.now() - resolvedAtMs > MISSING_QUEUE_MS
      )
        break;
      if (result.isBacklogged) continue;
      await wait(pauseMs(idleMs, beganMs), signal);
    }
    if (!signal.aborted) await connection.close();
  }

  /** Where it cannot be done for all queues together, rounds are sent as text, which finds out whose fault it is. */
  async #prepare(
    connection: Connection,
    queues: ReadonlyMap<string, QueueOnShard>,
  ): Promise<PreparedRound | undefined> {
    const readers = this.#sources.flatMap(({ queue: name, reading }) => {
      const queue = queues.get(name);
      return queue === undefined ? [] : [{ queue, reading }];
    });
    if (readers.length === 0 || !(await connection.isDirect())) return undefined;
    try {
      return await PreparedRound.on(connection, readers, { schema: this.shard.schema });
    } catch (error) {
      if (connection.failed || sqlstateOf(error) === undefined) throw error;
      return undefined;
    }
  }

  /** Lets the next turn overlap this one's commit, but not run ahead of it any further. */
  async #follow({ settled }: TurnResult): Promise<void> {
    const watched = settled.then((errors) => {
      for (const error of errors) if (error !== undefined) this.#isStale = true;
      return errors;
    });
    this.#underWay.push(watched);
    void watched.then(() => {
      this.#underWay = this.#underWay.filter((other) => other !== watched);
    });
    await this.#settle(MOST_TURNS_UNDER_WAY - 1);
    this.#flushIdle();
  }

  async #settle(most: number): Promise<void> {
    while (this.#underWay.length > most) await this.#underWay[0];
  }

  /** Empty windows move the position too; stored now and then, in company. */
  #flushIdle(): void {
    const nowMs = Date.now();
    if (nowMs - this.#lastFlushMs < IDLE_FLUSH_MS || this.#isStale) return;
    this.#lastFlushMs = nowMs;
    for (const source of this.#sources) {
      // Others of the shard may be on their way to central all the time: each source follows what it has handed on itself.
      if (!source.canMove) continue;
      void handOnEmpty(source, this.#options.context)?.then((error) => {
        if (error !== undefined) this.#isStale = true;
      });
    }
  }

  async #refreshSources(): Promise<void> {
    await this.#settle(0);
    // Before the look, not after it: what is found out meanwhile asks for another one.
    this.#isStale = false;
    const stored = await this.#options.loadSources();
    const { config } = this.#options.context;
    const readings = readingsOf(config, this.shard);
    this.#known = stored.length;
    const known = new Map(this.#sources.map((source) => [source.id, source]));
    this.#sources = stored.flatMap((one) => {
      const found = readings.get(one.queue);
      if (found === undefined || found.central.name !== one.centralQueue) return [];
      const source = known.get(one.id);
      if (source === undefined)
        return [new Source(one, { reading: found.reading, tickerMode: this.shard.ticker })];
      if (!source.isAside) source.reload(one);
      return [source];
    });
  }

  #noteMissing(queues: ReadonlyMap<string, unknown>): void {
    for (const source of this.#sources) {
      if (queues.has(source.queue) || source.trouble !== undefined) continue;
      source.failed(
        new TributaryError(
          `Queue ${source.queue} does not exist on shard ${this.shard.name}: create it there or take it out of the file.`,
          {
            code: 'queue-missing',
            kind: 'halting',
          },
        ),
        'read',
      );
    }
  }
}

/** Hundreds of idle shards are asked in company: the process wakes up ten times a second for all of them. */
const IDLE_COMPANY_MS = 100;

function pauseMs(idleMs: number, beganMs: number): number {
  const nowMs = Date.now();
  const dueMs = Math.max(nowMs, beganMs + idleMs * (1 + Math.random() * 0.2));
  if (idleMs < IDLE_INTERVAL_MS) return dueMs - nowMs;
  return Math.ceil(dueMs / IDLE_COMPANY_MS) * IDLE_COMPANY_MS - nowMs;
}
