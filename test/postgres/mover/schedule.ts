// Random schedules of writers, tickers and rotations on one shard, and the mover's reading path beside them, step by step.
import type { Position } from '../../../src/central/position.ts';
import { judgePosition } from '../../../src/mover/shard/judge.ts';
import type { Connection } from '../../../src/postgres/connection.ts';
import { isOfWindow } from '../../../src/shards/inline-read.ts';
import { type QueueOnShard, resolveQueues } from '../../../src/shards/queue-on-shard.ts';
import { runRound } from '../../../src/shards/round.ts';
import { PreparedRound } from '../../../src/shards/round-statements.ts';
import { maintain } from '../../../src/upkeep/maintenance.ts';
import { moveWatermarks } from '../../../src/upkeep/watermarks.ts';
import { decodeRows } from '../../support/mover/copy-rows.ts';
import type { Random } from '../../support/random.ts';
import type { TestDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';
import { type Followed, type Found, readFound, readingOf } from './schedule-reading.ts';
import { ScheduleWriter } from './schedule-writer.ts';

const QUEUES = ['emails', 'orders'] as const;
const WRITERS = 4;
const CONSUMER = 'mover';

/** One event as it was read: by `data`, which names it, and the transaction that wrote it. */
interface Moved {
  readonly data: string;
  readonly id: number;
  readonly window: number;
}

export interface ScheduleOutcome {
  readonly committed: readonly string[];
  readonly moved: readonly Moved[];
  readonly steps: readonly string[];
}

/** A shard with writers, kept over many schedules. */
export class Lane {
  readonly #random: Random;
  readonly #writers: readonly ScheduleWriter[];
  readonly #ticker: Connection;
  readonly #mover: Connection;
  readonly #prepared: PreparedRound;
  readonly #followed: readonly Followed[];
  readonly #isGuarded: boolean;
  #isTickerOpen = false;
  /** Tables come round quickly in this schedule: only then can a stale writer be overtaken twice. */
  #isTurning = false;
  #events = 0;
  #windows = 0;
  #committed: string[] = [];
  #moved: Moved[] = [];
  #steps: string[] = [];

  private constructor(
    random: Random,
    parts: {
      writers: readonly Connection[];
      ticker: Connection;
      mover: Connection;
      prepared: PreparedRound;
      followed: readonly Followed[];
      name: string;
      isGuarded: boolean;
    },
  ) {
    this.#random = random;
    this.#writers = parts.writers.map(
      (connection, at) =>
        new ScheduleWriter(connection, {
          name: `${parts.name}_w${at}`,
          queues: QUEUES,
          random,
          newEvent: () => {
            this.#events += 1;
            return `e${this.#events}`;
          },
          onCommitted: (events) => this.#committed.push(...events),
          onStep: (step) => this.#steps.push(`w${at}: ${step}`),
        }),
    );
    this.#ticker = parts.ticker;
    this.#mover = parts.mover;
    this.#prepared = parts.prepared;
    this.#followed = parts.followed;
    this.#isGuarded = parts.isGuarded;
  }

  /** @param isGuarded its ticker refuses a snapshot older than the last tick's. */
  static async open(database: TestDatabase, random: Random, isGuarded: boolean): Promise<Lane> {
    const setup = await database.connect();
    for (const queue of QUEUES) {
      await setup.query('select pgq.create_queue($1)', [queue]);
      await setup.query(`select pgq.set_queue_config($1, 'ticker_max_count', '1')`, [queue]);
      await setup.query('select pgq.register_consumer($1, $2)', [queue, CONSUMER]);
    }
    const queues = await resolveQueues(setup, 'pgq', QUEUES);
    const followed = await Promise.all(
      QUEUES.map(async (name) => {
        const queue = queues.get(name) as QueueOnShard;
        const [tick] = await setup.query<Position['tick']>(
          `select tick_id as id, (extract(epoch from tick_time) * 1000000)::bigint as "timeUs", tick_event_seq as "eventSeq",
             md5(tick_snapshot::text) as md5 from pgq.tick where tick_queue = $1 order by tick_id desc limit 1`,
          [queue.queueId],
        );
        return { queue, position: { tick: tick as Position['tick'] }, window: 0 };
      }),
    );
    const mover = await database.connect();
    return new Lane(random, {
      writers: await Promise.all(Array.from({ length: WRITERS }, () => database.connect())),
      ticker: await database.connect(),
      mover,
      prepared: await PreparedRound.on(
        mover,
        followed.map(({ queue }) => ({ queue, reading: readingOf(queue.queue) })),
        { schema: 'pgq' },
      ),
      followed,
      isGuarded,
      name: database.name,
    });
  }

  /** So many random steps, then everybody ends and all is moved. */
  async run(steps: number): Promise<ScheduleOutcome> {
    this.#committed = [];
    this.#moved = [];
    this.#steps = [];
    this.#isTurning = this.#random.oneIn(3);
    for (let step = 0; step < steps; step += 1) await this.#step();
    for (const writer of this.#writers) await writer.end();
    await this.#closeTicker();
    // Twice nothing: once may be a tick that was not due yet.
    let idle = 0;
    const isIdle = async () => {
      idle = (await this.#move({ isLast: true })) ? 0 : idle + 1;
      return idle === 2;
    };
    await until(isIdle, { what: 'the last event to be moved', everyMs: 8, timeoutMs: 30_000 });
    return { committed: this.#committed, moved: this.#moved, steps: this.#steps };
  }

  async #step(): Promise<void> {
    const dice = this.#random.below(this.#isTurning ? 130 : 100);
    if (dice >= 100) await this.#turn();
    else if (dice < 60) await this.#random.pick(this.#writers).step();
    else if (dice < 85) await this.#move({ isLast: false });
    else if (dice < 93) await this.#tick();
    else if (dice < 96) await this.#rotate();
    else if (dice < 98) await this.#burn();
    else await this.#watermarks();
  }

  /** Somebody else's tick: at once, or where the ticker takes it with a snapshot or a commit that comes late. */
  async #tick(): Promise<void> {
    const queue = this.#random.pick(QUEUES);
    const nudged = `nextval((select queue_event_seq from pgq.queue where queue_name = '${queue}')::regclass)`;
    if (this.#isTickerOpen) {
      await this.#say(this.#ticker, `select ${nudged}; select pgq.ticker('${queue}')`);
      if (this.#random.oneIn(2)) await this.#closeTicker();
    } else if (!this.#isGuarded && this.#random.oneIn(3)) {
      await this.#say(this.#ticker, 'begin isolation level repeatable read; select 1 from pgq.queue');
      this.#isTickerOpen = true;
    } else {
      await this.#say(this.#ticker, `select ${nudged}; select pgq.ticker('${queue}')`);
    }
  }

  async #closeTicker(): Promise<void> {
    if (!this.#isTickerOpen) return;
    await this.#say(this.#ticker, 'commit');
    this.#isTickerOpen = false;
  }

  /** Both steps, or the first alone: then the next round of maintenance makes up for it. */
  async #rotate(): Promise<void> {
    // An open tick holds the queue's row, which a rotation waits for.
    await this.#closeTicker();
    const queue = this.#random.pick(QUEUES);
    await this.#say(
      this.#ticker,
      `update pgq.queue set queue_switch_time = now() - interval '1 day' where queue_name = '${queue}'`,
    );
    const { rotated } = await maintain(this.#mover, {
      schema: 'pgq',
      queues: QUEUES,
      onRotation: (name, outcome) => this.#steps.push(`rotation of ${name}: ${outcome}`),
      onTrouble: (_queue, error) => {
        throw error;
      },
    });
    this.#steps.push(`rotated ${rotated}`);
  }

  /** So many transactions of others that one which is open now is no neighbour any more when it ends. */
  async #burn(): Promise<void> {
    await this.#mover.script('begin; select pg_current_xact_id(); commit;'.repeat(120));
    this.#steps.push('120 transactions of others');
  }

  /** All that a table needs to become the next victim. */
  async #turn(): Promise<void> {
    await this.#move({ isLast: true });
    await this.#move({ isLast: true });
    await this.#watermarks();
    await this.#rotate();
  }

  async #watermarks(): Promise<void> {
    const marks = this.#followed.map(({ queue, position }) => ({
      queue: queue.queue,
      tickId: position.tick.id,
      keepMs: 0,
    }));
    await moveWatermarks(this.#mover, marks, { schema: 'pgq', consumer: CONSUMER });
    this.#steps.push(`watermarks ${marks.map(({ tickId }) => tickId).join(' ')}`);
  }

  /** A round and its windows. Some are forgotten as if the process had died, some committed only in part. */
  async #move({ isLast }: { isLast: boolean }): Promise<boolean> {
    const seen = await runRound(
      this.#mover,
      this.#followed.map(({ queue, position }) => ({
        queue,
        tickId: position.tick.id,
        endTickId: position.inside?.end.id,
        limit: this.#random.pick([1, 5, 1_000]),
        ticks: position.inside === undefined ? this.#random.pick([2, 5, 50]) : 1_000_000,
        tick: isLast || !this.#random.oneIn(3),
        read: !this.#random.oneIn(4),
      })),
      {
        schema: 'pgq',
        thoroughness: isLast || this.#random.oneIn(3) ? 'exact' : 'quick',
        prepared: this.#random.oneIn(2) ? this.#prepared : undefined,
      },
    );
    const found: Found[] = [];
    for (const one of seen) {
      const followed = this.#followed.find(({ queue }) => queue.queue === one.queue) as Followed;
      const verdict = judgePosition(followed.position, one);
      if (verdict.kind === 'diverged') throw new Error(`diverged: ${verdict.reason}`);
      if (verdict.kind === 'nothing') continue;
      const { start, end, afterEventId } = verdict;
      const isInline = one.inline !== undefined && isOfWindow(one.inline, start, end);
      found.push({
        followed,
        inline: isInline ? one.inline : undefined,
        reader: {
          window: { queue: followed.queue, start, end, afterEventId },
          reading: readingOf(one.queue),
        },
      });
    }
    const isDone =
      found.length === 0 && seen.every(({ uncovered, hasMore }) => uncovered === false && !hasMore);
    for (const [one, bytes] of await readFound(this.#mover, found, this.#random)) {
      this.#decide(one, bytes, isLast);
    }
    return !isDone;
  }

  #decide({ followed, reader, inline }: Found, bytes: Buffer, isLast: boolean): void {
    const { start, end } = reader.window;
    const own = decodeRows(bytes).map((fields) => ({
      data: fields[2] as string,
      id: Number(fields[6]?.slice(fields[6].lastIndexOf(':') + 1)),
    }));
    const fate = isLast ? 0 : this.#random.below(10);
    const how = inline === undefined ? '' : ' inline';
    const label = `${followed.queue.queue} (${start.id}, ${end.id}]${how} after ${reader.window.afterEventId ?? 'start'}`;
    if (fate === 1) {
      this.#steps.push(`forgot ${label}`);
      return;
    }
    const at = this.#random.below(own.length + 1);
    const last = own[at - 1];
    const isCut = fate === 2 && last !== undefined && own[at]?.id !== last.id;
    const kept = isCut ? own.slice(0, at) : own;
    if (reader.window.afterEventId === undefined) followed.window = this.#windows += 1;
    this.#moved.push(...kept.map((row) => ({ ...row, window: followed.window })));
    this.#steps.push(`moved ${label}: ${kept.map(({ data }) => data).join(' ')}${isCut ? ' (cut)' : ''}`);
    followed.position = isCut ? { tick: start, inside: { end, lastEventId: last.id } } : { tick: end };
  }

  async #say(connection: Connection, sql: string): Promise<void> {
    this.#steps.push(`ticker: ${sql}`);
    await connection.script(sql);
  }
}
