// What a mover exchanges with central: it reads what operators changed and how full the queues are, and reports lag.
//
// Invariant: a source whose state has changed is reported at once; of all others one report says that they are as before. A mover
// that does not report is not believed, so a report never waits for another one longer than for central's answer.
import type { CentralLink } from '../central/central-link.ts';
import { readBacklogs } from '../central/queue-backlog.ts';
import { readSourceStates, storeLag } from '../central/source-states.ts';
import type { WatchedService } from '../lifecycle/service-set.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { wait } from '../lifecycle/wait.ts';
import { LagMemory } from './lag-changes.ts';
import { lagOf } from './lag-report.ts';
import type { Backpressure } from './limits/backpressure.ts';
import type { ShardLoop } from './shard/shard-loop.ts';

export interface CentralSyncOptions {
  /** Used by this alone, and closed by it. */
  readonly link: CentralLink;
  /** The shards that are moved now. */
  readonly loops: () => readonly ShardLoop[];
  /** The mover's member id, and its name in `lag`. */
  readonly member: string;
  readonly host: string;
  readonly backpressures: ReadonlyMap<string, Backpressure>;
  /** How long readers have waited for memory. */
  readonly memoryWaitingMs: () => number;
  /** Why the queues of a gatherer take no events; undefined: they take them. */
  readonly queueTrouble: (gatherer: string) => string | undefined;
  /** Why they are filled slowly or not at all. */
  readonly heldBack: (gatherer: string) => string | undefined;
  readonly onTrouble: (error: unknown) => void;
}

export class CentralSync implements WatchedService {
  readonly name = 'exchange with central';
  readonly link: CentralLink;
  readonly #options: CentralSyncOptions;
  readonly #stopped = new AbortController();
  readonly #memory = new LagMemory();
  turns = 0;
  #opened = 0;
  #openedAtReport = 0;
  /** When each is due. */
  #statesAtMs = 0;
  #lagAtMs = 0;
  #backlogAtMs = 0;
  #reporting: Promise<void> = Promise.resolve();

  constructor(options: CentralSyncOptions) {
    this.#options = options;
    this.link = options.link;
  }

  async run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await this.#runOnce();
      this.turns += 1;
      await wait(TIMING.reports.lookEveryMs, signal);
    }
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
      if (nowMs < this.#backlogAtMs) return;
      this.#backlogAtMs = nowMs + TIMING.reports.backlogEveryMs;
      await this.#measureHeld();
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
    this.turns += 1;
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
    this.turns += 1;
  }

  async #measureHeld(): Promise<void> {
    const { backpressures } = this.#options;
    const backlogs = await readBacklogs(this.link, [...backpressures.keys()]);
    for (const [queue, backpressure] of backpressures)
      backpressure.measured(backlogs.get(queue) ?? { bytes: 0, waiting: 0 });
  }
}
