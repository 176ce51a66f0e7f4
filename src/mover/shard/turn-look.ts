// Which queues of a shard a turn has to ask about: a look tells the others from them, for a fraction of what a round costs.
//
// Invariant: a queue is passed over only where reading stands at its newest tick, no number was given out behind that tick, and no
// transaction that was open just after the tick is known to have left events: the second look that finds the queue quiet asks for
// them. What such a look cannot see, as a number that was taken before a tick by a transaction that got its id later, an exact look
// finds, once a second: it asks of all queues what an exact round asks, which then is only about those that have anything new.
import { sameTick } from '../../central/position.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import type { Connection } from '../../postgres/connection.ts';
import { type Looked, lookAt, lookExactlyAt } from '../../shards/look.ts';
import type { QueueOnShard } from '../../shards/queue-on-shard.ts';
import type { SeenQueue } from '../../shards/round.ts';
import type { PreparedRound } from '../../shards/round-statements.ts';
import type { MovableSource } from '../source/source.ts';

const NONE: ReadonlySet<number> = new Set();

/** A source whose queue the session knows, as a turn takes it. */
export interface Movable {
  readonly source: MovableSource;
  readonly queue: QueueOnShard;
}

/** What a look found. */
export interface LookFound {
  /** Those that need a round. */
  readonly moving: readonly Movable[];
  /** Ids of queues with events in no tick. */
  readonly uncovered: ReadonlySet<number>;
  /** Of an exact look: what an exact round would have seen of the others. */
  readonly quiet: readonly SeenQueue[];
}

export class TurnLook {
  readonly #prepared: PreparedRound;
  /** By id of queues that transactions may have left events in since their newest tick: ids of transactions, and whether to ask. */
  readonly #open = new Map<number, { readonly below: number; isDue: boolean; isUncovered?: true }>();
  #atMs = Number.NEGATIVE_INFINITY;

  constructor(prepared: PreparedRound) {
    this.#prepared = prepared;
  }

  /** A look that tells a round about all queues where nothing is new from one that has something to do. */
  async exactly(connection: Connection, group: readonly Movable[]): Promise<LookFound> {
    const from = group.map(({ source, queue }) => ({ queue, tickId: source.ahead.tick.id }));
    const looks = await lookExactlyAt(connection, from, this.#prepared.exactLookTexts());
    const quiet: SeenQueue[] = [];
    const moving = group.filter(({ source, queue: { queueId } }) => {
      const seen = looks.get(queueId);
      const isStill = seen !== undefined && isQuietlySeen(source, seen);
      if (isStill) quiet.push(seen);
      return !isStill;
    });
    this.saw(
      group.filter((one) => !moving.includes(one)),
      quiet,
    );
    return { moving, uncovered: NONE, quiet };
  }

  async moving(connection: Connection, group: readonly Movable[]): Promise<LookFound> {
    const due = group.flatMap(({ queue: { queueId } }): [number, number][] => {
      const open = this.#open.get(queueId);
      return open?.isDue === true ? [[queueId, open.below]] : [];
    });
    const looks = await lookAt(connection, this.#prepared.lookTexts(due));
    const uncovered = new Set<number>();
    const moving = group.filter(({ source, queue: { queueId } }) => {
      const looked = looks.get(queueId);
      const isStill = looked !== undefined && isQuiet(source, looked);
      const open = this.#open.get(queueId);
      if (looked?.isUncovered === true && open !== undefined) {
        uncovered.add(queueId);
        open.isUncovered = true;
      } else if (isStill && looked.isOpen === false) this.#open.delete(queueId);
      // Most queues that move get another tick at once.
      else if (open !== undefined) open.isDue = isStill;
      return !isStill;
    });
    if (moving.length === 0) this.#atMs = performance.now();
    return { moving, uncovered, quiet: [] };
  }

  /** Whether an event may be much older than the tick after it: by a transaction that was open for long, or another ticker. */
  isDated(group: readonly Movable[], nowMs: number): boolean {
    // Where looks are this far apart an event may have waited for one for long.
    if (nowMs - this.#atMs > TIMING.shard.exactMs) return true;
    return group.some(({ source, queue }) => this.#open.has(queue.queueId) || !source.ticker.mayTick(nowMs));
  }

  /** What a round told of these queues. */
  saw(group: readonly Movable[], seen: readonly SeenQueue[]): void {
    const byName = new Map(seen.map((one) => [one.queue, one]));
    for (const { queue } of group) {
      const { openBelow: below, ticked } = byName.get(queue.queue) ?? {};
      // It could not be ticked: the next look has to find the same.
      if (ticked === undefined && this.#open.get(queue.queueId)?.isUncovered === true) continue;
      if (below === undefined) this.#open.delete(queue.queueId);
      else this.#open.set(queue.queueId, { below, isDue: false });
    }
    this.#atMs = performance.now();
  }
}

function isQuiet({ ahead }: MovableSource, { lastSeq, tickId, isUncovered }: Looked): boolean {
  const { inside, tick } = ahead;
  return inside === undefined && tickId === tick.id && lastSeq <= tick.eventSeq && isUncovered !== true;
}

/** The same of what an exact look saw, and the tick is the very one of the position: nothing is there that a judge could object to. */
function isQuietlySeen({ ahead: { inside, tick } }: MovableSource, seen: SeenQueue): boolean {
  const isThere = seen.start !== undefined && sameTick(seen.start, tick) && seen.missingXids === 0;
  return isThere && inside === undefined && seen.lastSeq <= tick.eventSeq && seen.uncovered === false;
}
