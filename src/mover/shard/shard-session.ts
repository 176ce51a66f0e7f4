// One connection to one shard and the turns over it: a turn is a round, a judgement of each source, and one COPY.
//
// Order: a window is read from where reading stopped (`ahead`), never from what the shard says; parcels go to the
// gatherers in the order of their source; only central's commit makes them count.
// Fails by: any error that breaks the connection ends the session; nothing on the shard depends on it.
import type { Shard } from '../../config/config.ts';
import { sqlstateOf } from '../../errors/sqlstate.ts';
import { failPoint } from '../../lifecycle/fail-point.ts';
import type { Connection } from '../../postgres/connection.ts';
import type { Provider } from '../../queue/provider.ts';
import { isDelaying, type Reader } from '../../shards/copy-out.ts';
import { isOfWindow } from '../../shards/inline-read.ts';
import { type QueueOnShard, resolveQueues } from '../../shards/queue-on-shard.ts';
import { runRound, type SeenQueue, type Thoroughness } from '../../shards/round.ts';
import { PreparedRound } from '../../shards/round-statements.ts';
import type { MoverContext } from '../context.ts';
import { LARGE_WINDOWS, WINDOW_BYTES } from '../limits/sizes.ts';
import type { Source } from '../source/source.ts';
import { type CopyClock, copyOne, copyWindows } from '../windows/copy-windows.ts';
import { type Copied, type Found, NOTHING_COPIED } from '../windows/found.ts';
import { handOnInline, type InlineFound } from '../windows/inline-windows.ts';
import { judgePosition } from './judge.ts';
import { ShardUpkeep } from './shard-upkeep.ts';
import { type Movable, TurnLook } from './turn-look.ts';
import { askNothing, requestOf } from './turn-request.ts';

/** What one turn did. */
export interface TurnResult {
  readonly rows: number;
  /** Sources of which more waits than was read. */
  readonly backlogged: readonly Source[];
  /** For each source of which more waits than its central queues have room for: whether they have some now. */
  readonly heldBack: readonly (() => boolean)[];
  /** A statement over all queues failed: the next turn tries them one by one, at once. */
  readonly isToSeparate: boolean;
  /** Transactions were open at a newest tick: look again soon for what they commit. */
  readonly hasOpen: boolean;
  /** The queues have changed since the session began: a new session is needed. */
  readonly isOutdated: boolean;
}

const NONE: ReadonlySet<number> = new Set();

type GroupResult = Omit<TurnResult, 'isToSeparate' | 'isOutdated'>;

/** The error of statements that name tables of a queue that was dropped, or created anew. */
const UNDEFINED_TABLE = '42P01';

export interface ShardSessionOptions {
  readonly connection: Connection;
  readonly context: MoverContext;
  /** Called around each round. */
  readonly timed: <T>(round: () => Promise<T>) => Promise<T>;
  readonly clock: CopyClock;
  /** A window that is to be read beside the turns. */
  readonly onLarge: (found: Found) => void;
}

export class ShardSession {
  readonly #shard: Shard;
  readonly #connection: Connection;
  /** Those that exist, by name. */
  readonly queues: ReadonlyMap<string, QueueOnShard>;
  readonly #context: MoverContext;
  readonly #timed: ShardSessionOptions['timed'];
  readonly #clock: CopyClock;
  readonly #onLarge: (found: Found) => void;
  readonly #upkeep: ShardUpkeep;
  readonly #prepared: PreparedRound | undefined;
  readonly #look: TurnLook | undefined;
  /** A round or COPY over all queues failed: ask one by one until all succeed again. */
  #isSeparate = false;
  #movedAtMs = Number.NEGATIVE_INFINITY;

  private constructor(
    shard: Shard,
    { connection, context, timed, clock, onLarge }: ShardSessionOptions,
    { queues, prepared }: { queues: ReadonlyMap<string, QueueOnShard>; prepared: PreparedRound | undefined },
  ) {
    this.#shard = shard;
    this.#connection = connection;
    this.queues = queues;
    this.#context = context;
    this.#timed = timed;
    this.#clock = clock;
    this.#prepared = prepared;
    this.#look = prepared && new TurnLook(prepared);
    this.#onLarge = onLarge;
    this.#upkeep = new ShardUpkeep(shard, context);
  }

  /** Looks up the queues of these sources and, on a direct connection, prepares the rounds over them. */
  static async open(
    shard: Shard,
    sources: readonly Source[],
    options: ShardSessionOptions,
  ): Promise<ShardSession> {
    const { connection } = options;
    const { schema } = shard;
    const names = sources.map(({ queue }) => queue);
    const queues = await resolveQueues(connection, schema, names);
    const readers = sources.flatMap(({ queue: name, reading }) => {
      const queue = queues.get(name);
      return queue === undefined ? [] : [{ queue, reading }];
    });
    let prepared: PreparedRound | undefined;
    try {
      if (readers.length > 0 && (await connection.isDirect()))
        prepared = await PreparedRound.on(connection, readers, { schema });
    } catch (error) {
      // Where the rounds cannot be prepared for all queues together, they are sent as text, which shows which queue is the cause.
      if (connection.failed || sqlstateOf(error) === undefined) throw error;
    }
    return new ShardSession(shard, options, { queues, prepared });
  }

  /** Which PgQ the shard has; undefined: none of its queues is there. */
  get provider(): Provider | undefined {
    return [...this.queues.values()][0]?.provider;
  }

  /** Between turns: upkeep of the shard, where it is due. */
  async upkeep(sources: readonly Source[]): Promise<void> {
    await this.#upkeep.runIfDue(this.#connection, sources);
  }

  async turn(sources: readonly Source[], thoroughness: Thoroughness): Promise<TurnResult> {
    const movable = sources.flatMap((source): Movable[] => {
      const queue = this.queues.get(source.queue);
      return queue !== undefined && source.canMove() ? [{ source, queue }] : [];
    });
    const groups = this.#isSeparate ? movable.map((one) => [one]) : movable.length > 0 ? [movable] : [];
    // Nothing else would show that the shard does not answer any more: a large window sends nothing for minutes.
    if (groups.length === 0 && sources.some(({ isReadAlone }) => isReadAlone))
      await this.#timed(() => askNothing(this.#connection));
    const results: GroupResult[] = [];
    let hasFailed = false;
    let isOutdated = false;
    for (const group of groups) {
      try {
        results.push(await this.#turnOf(group, thoroughness));
        for (const { source } of group) source.succeeded('read');
      } catch (error) {
        if (this.#connection.failed) throw error;
        await this.#connection.script('rollback');
        hasFailed = true;
        isOutdated ||= sqlstateOf(error) === UNDEFINED_TABLE && (await this.#hasOtherQueues());
        if (isOutdated) break;
        const [first, ...others] = group;
        if (first !== undefined && others.length === 0) this.#blame(first.source, error);
      }
    }
    const isNew = hasFailed && !this.#isSeparate;
    this.#isSeparate = hasFailed;
    const moved = results.reduce((total, { rows }) => total + rows, 0);
    if (moved > 0) this.#movedAtMs = performance.now();
    return {
      rows: moved,
      backlogged: results.flatMap(({ backlogged }) => backlogged),
      heldBack: results.flatMap(({ heldBack }) => heldBack),
      isToSeparate: isNew,
      hasOpen: results.some(({ hasOpen }) => hasOpen),
      isOutdated,
    };
  }

  async #hasOtherQueues(): Promise<boolean> {
    const now = await resolveQueues(this.#connection, this.#shard.schema, [...this.queues.keys()]);
    return [...this.queues].some(([name, { queueId }]) => now.get(name)?.queueId !== queueId);
  }

  async #turnOf(group: readonly Movable[], thoroughness: Thoroughness): Promise<GroupResult> {
    await failPoint('round:before');
    const readable = new Set<Source>();
    const { asked, seen } = await this.#context.roundLimit.through(() =>
      this.#timed(() => this.#ask(group, { thoroughness, readable })),
    );
    await failPoint('round:after');
    const found: Found[] = [];
    const inlined: InlineFound[] = [];
    const backlogged: Source[] = [];
    const heldBack: (() => boolean)[] = [];
    const byName = new Map(asked.map((one) => [one.source.queue, one]));
    for (const queue of seen) {
      const movable = byName.get(queue.queue);
      if (movable === undefined) continue;
      const { source } = movable;
      const isTickedByOthers = source.saw(queue, performance.now());
      if (isTickedByOthers)
        this.#context.onOccurrence({ kind: 'foreign-ticker', shard: source.shard, queue: source.queue });
      if (!readable.has(source) || !source.isReadable) {
        // It was seen and ticked all the same: neither the shard nor its other queues wait for central.
        if (queue.hasMore || queue.end !== undefined) backlogged.push(source);
        continue;
      }
      source.windows.noteTicks(queue.hasMore);
      const window = this.#judge(movable, queue);
      if (window === undefined) continue;
      const gatherer = this.#context.gathererOf(source);
      if (!gatherer.takes(source)) {
        heldBack.push(() => gatherer.mostFrom(source) > 0);
        continue;
      }
      const events = source.windows.mostEventsIn(window);
      const one = { source, reader: { window, reading: source.reading } };
      if (queue.inline !== undefined && isOfWindow(queue.inline, window.start, window.end)) {
        inlined.push({ ...one, rows: queue.inline });
        continue;
      }
      // A tick that covers far more than a window should: it must not hold up the shard's other queues.
      const isLarge = events > LARGE_WINDOWS * source.windows.eventsFor(WINDOW_BYTES);
      if (source.isSlow || (isLarge && group.length > 1)) {
        this.#onLarge(one);
        continue;
      }
      found.push(one);
      if (queue.hasMore || (queue.newest?.id ?? 0) > window.end.id) backlogged.push(source);
    }
    // Where looks are taken they ask for it.
    const hasOpen = this.#lookOrNot === undefined && seen.some(({ newest }) => newest?.open);
    const inline = inlined.length > 0 ? rowsOf(await handOnInline(inlined, this.#context)) : 0;
    const together = found.filter(({ reader }) => !isDelaying(reader));
    const delaying = found.filter(({ reader }) => isDelaying(reader));
    const copied = rowsOf(await this.#copy(together)) + rowsOf(await this.#copy(delaying));
    return { rows: inline + copied, backlogged, heldBack, hasOpen };
  }

  async #copy(found: readonly Found[]): Promise<Copied> {
    const options = { context: this.#context, label: `Shard ${this.#shard.name}`, clock: this.#clock };
    const [only, ...others] = found;
    if (only === undefined) return NOTHING_COPIED;
    return others.length === 0
      ? await copyOne(this.#connection, only, options)
      : await copyWindows(this.#connection, found, options);
  }

  /** Not while queues are asked one by one: statements that name every queue of the shard do not help to find the one that fails. */
  get #lookOrNot(): TurnLook | undefined {
    return this.#isSeparate ? undefined : this.#look;
  }

  /** A round about the queues that can have anything new. */
  async #ask(
    group: readonly Movable[],
    { thoroughness, readable }: { thoroughness: Thoroughness; readable: Set<Source> },
  ): Promise<{ asked: readonly Movable[]; seen: readonly SeenQueue[] }> {
    const look = this.#lookOrNot;
    const {
      moving: asked,
      uncovered,
      quiet,
    } = look === undefined
      ? { moving: group, uncovered: NONE, quiet: [] }
      : await (thoroughness === 'exact'
          ? look.exactly(this.#connection, group)
          : look.moving(this.#connection, group));
    for (const { source } of asked) if (source.isReadable) readable.add(source);
    if (asked.length === 0) return { asked: group, seen: quiet };
    const nowMs = performance.now();
    const requests = asked.map((one) => {
      const [isReadable, isUncovered] = [readable.has(one.source), uncovered.has(one.queue.queueId)];
      const state = { nowMs, movedAtMs: this.#movedAtMs, isReadable, isUncovered };
      return requestOf(one, state, this.#context);
    });
    const seen = await runRound(this.#connection, requests, {
      schema: this.#shard.schema,
      thoroughness,
      isDated: look?.isDated(asked, nowMs) ?? true,
      prepared: this.#isSeparate ? undefined : this.#prepared,
    });
    look?.saw(asked, seen);
    return { asked: group, seen: [...quiet, ...seen] };
  }

  #judge({ source, queue }: Movable, seen: SeenQueue): Reader['window'] | undefined {
    const verdict = judgePosition(source.ahead, seen, source.watermark);
    if (verdict.kind === 'diverged') {
      this.#context.halt(source, verdict);
      return undefined;
    }
    if (verdict.kind === 'nothing' || !this.#context.gathererOf(source).isHealthy) return undefined;
    return {
      queue,
      start: verdict.start,
      end: verdict.end,
      afterEventId: verdict.afterEventId,
    };
  }

  #blame(source: Source, error: unknown): void {
    source.failed(error, 'read');
    this.#context.onOccurrence({ kind: 'source-trouble', shard: source.shard, queue: source.queue, error });
  }
}

/** The end of what was complete before a failure is seen by its source. */
function rowsOf({ rows, failure }: Copied): number {
  if (failure !== undefined) throw failure;
  return rows;
}
