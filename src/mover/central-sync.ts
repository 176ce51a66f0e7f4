// What a mover exchanges with central: it reads what operators changed and, beside that, how full the queues are, and reports lag.
//
// Invariant: a source whose state has changed is reported at once; of all others one report says that they are as before. A mover
// that does not report is not believed, so a report never waits for another one longer than for central's answer.
import type { CentralLink } from '../central/central-link.ts';
import { readSourceStates, storeLag } from '../central/source-states.ts';
import type { WatchedService } from '../lifecycle/service-set.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { type Signal, wait } from '../lifecycle/wait.ts';
import { storeShardReports } from '../shards/reports.ts';
import { LagMemory } from './lag-changes.ts';
import { lagOf } from './lag-report.ts';
import type { Backpressure } from './limits/backpressure.ts';
import { RoomLooks } from './limits/room-looks.ts';
import { claimsFor } from './shard/room-claims.ts';
import type { ShardLoop } from './shard/shard-loop.ts';
import type { ShardReports } from './shard/shard-reports.ts';

export interface CentralSyncOptions {
  /** Used by this alone, and closed by it. */
  readonly link: CentralLink;
  /** The shards that are moved now. */
  readonly loops: () => readonly ShardLoop[];
  /** What is seen of the shards besides. */
  readonly reports: ShardReports;
  /** The mover's member id, and its name in `lag`. */
  readonly member: string;
  readonly host: string;
  readonly backpressures: ReadonlyMap<string, Backpressure>;
  /** A shard is held back by one of them. */
  readonly onShort: Signal;
  /** How long readers have waited for memory. */
  readonly memoryWaitingMs: () => number;
  /** Why the queues of a gatherer take no events; undefined: they take them. */
  readonly queueTrouble: (gatherer: string) => string | undefined;
  /** Why less of a shard goes into them, or nothing. */
  readonly heldBack: (gatherer: string, shard: string) => string | undefined;
  readonly onTrouble: (error: unknown) => void;
}

export class CentralSync implements WatchedService {
  readonly name = 'exchange with central';
  readonly link: CentralLink;
  readonly #options: CentralSyncOptions;
  readonly #stopped = new AbortController();
  readonly #memory = new LagMemory();
  readonly #room: RoomLooks;
  #turns = 0;
  #opened = 0;
  #openedAtReport = 0;
  /** When each is due. */
  #statesAtMs = 0;
  #lagAtMs = 0;
  #shardsAtMs = 0;
  #reporting: Promise<void> = Promise.resolve();

  constructor(options: CentralSyncOptions) {
    this.#options = options;
    this.link = options.link;
    this.#room = new RoomLooks({
      ...options,
      claimsOf: (queue) => claimsFor(queue, options.loops()),
      onLooked: () => {
        for (const loop of options.loops()) loop.lookedForRoom();
      },
    });
  }

  get turns(): readonly number[] {
    return [this.#turns, this.#room.turns];
  }

  async run(): Promise<void> {
    const { signal } = this.#stopped;
    const looking = this.#room.run(signal);
    while (!signal.aborted) {
      await this.#runOnce();
      this.#turns += 1;
      await wait(TIMING.reports.lookEveryMs, signal);
    }
    await looking;
    await this.link.close();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
  }

  abandon(): void {
    this.#stopped.abort();
    this.link.abandon();
  }

  async #runOnce(): Promise<void> {
    const nowMs = performance.now();
    try {
      if (nowMs >= this.#statesAtMs) {
        this.#statesAtMs = nowMs + TIMING.reports.syncEveryMs;
        await this.#readStates();
      }
      await this.#report();
      if (nowMs >= this.#shardsAtMs) {
        this.#shardsAtMs = nowMs + TIMING.reports.shardsEveryMs;
        await this.#options.reports.hand((reports) => storeShardReports(this.link, reports));
      }
    } catch (error) {
      this.#options.onTrouble(error);
      await wait(TIMING.reports.syncEveryMs, this.#stopped.signal);
    }
  }

  /** Another shard is moved from now on: `lag` should show it at once. */
  reportSoon(): void {
    this.#lagAtMs = 0;
  }

  /** Reports at once. Never throws. */
  async reportLag(): Promise<void> {
    this.reportSoon();
    await this.#report().catch(this.#options.onTrouble);
  }

  async #readStates(): Promise<void> {
    const { link } = this;
    const loops = this.#options.loops();
    const states = await readSourceStates(
      link,
      loops.map(({ shard, mark }) => ({ shard: shard.name, mark })),
    );
    // A new connection may lead to a central that was restored: a source without events would never notice.
    const isOther = link.opened !== this.#opened;
    this.#opened = link.opened;
    for (const loop of loops) {
      loop.refresh(states.exceptions, isOther || states.others.has(loop.shard.name));
      loop.leave(states.left.get(loop.shard.name) ?? []);
    }
    this.#turns += 1;
  }

  /** One report after the other, so that none writes over a newer one. */
  #report(): Promise<void> {
    this.#reporting = this.#reporting.catch(() => {}).then(() => this.#reportIfDue());
    return this.#reporting;
  }

  async #reportIfDue(): Promise<void> {
    const { link } = this;
    const { member, host, memoryWaitingMs, queueTrouble, heldBack } = this.#options;
    const nowMs = performance.now();
    // A central that was restored, or crashed, may not have what was written.
    if (link.opened !== this.#openedAtReport) this.#memory.forget();
    const situation = {
      nowMs,
      memoryWaitingMs: memoryWaitingMs(),
      centralTrouble: queueTrouble,
      heldBack,
    };
    const figures = this.#options.loops().flatMap((loop) => lagOf(loop, situation));
    const changes = this.#memory.changes(figures, nowMs);
    if (!changes.isUrgent && nowMs < this.#lagAtMs) return;
    this.#lagAtMs = nowMs + TIMING.reports.lagEveryMs;
    try {
      await storeLag(link, { member, host }, changes);
    } catch (error) {
      this.#memory.forget();
      throw error;
    }
    // Where the connection was opened by this very report, the next one says all once more.
    const opened = link.opened;
    if (opened === this.#openedAtReport) this.#memory.wrote(changes, nowMs);
    this.#openedAtReport = opened;
    this.#turns += 1;
  }
}
