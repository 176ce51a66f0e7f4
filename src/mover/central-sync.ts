// What a mover exchanges with central once a second: reads what operators changed and how full the queues are, reports lag.
import type { CentralLink } from '../central/central-link.ts';
import { readBacklogs } from '../central/queue-backlog.ts';
import { readSourceStates, storeLag } from '../central/source-states.ts';
import type { WatchedService } from '../lifecycle/service-set.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { wait } from '../lifecycle/wait.ts';
import { lagOf } from './lag-report.ts';
import type { Backpressure } from './limits/backpressure.ts';
import type { ShardLoop } from './shard/shard-loop.ts';

export interface CentralSyncOptions {
  /** Used by this alone, and closed by it. */
  readonly link: CentralLink;
  /** The shards that are moved now. */
  readonly loops: () => readonly ShardLoop[];
  /** The mover's name in `lag`. */
  readonly host: string;
  readonly backpressures: ReadonlyMap<string, Backpressure>;
  /** Why a central queue takes no events; undefined: it takes them. */
  readonly queueTrouble: (queue: string) => string | undefined;
  readonly onTrouble: (error: unknown) => void;
}

export class CentralSync implements WatchedService {
  readonly name = 'exchange with central';
  readonly link: CentralLink;
  readonly #options: CentralSyncOptions;
  readonly #stopped = new AbortController();
  turns = 0;
  #opened = 0;
  #lagAtMs = 0;

  constructor(options: CentralSyncOptions) {
    this.#options = options;
    this.link = options.link;
  }

  async run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await this.#runOnce();
      this.turns += 1;
      await wait(TIMING.reports.syncEveryMs, signal);
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
    const { link, onTrouble } = this.#options;
    const loops = this.#options.loops();
    try {
      const states = await readSourceStates(
        link,
        loops.map(({ shard }) => shard.name),
      );
      const known = loops.reduce((count, loop) => count + loop.known, 0);
      // A new connection may lead to a central that was restored: a source without events would never notice.
      const isOther = known !== states.total || link.opened !== this.#opened;
      this.#opened = link.opened;
      for (const loop of loops) loop.refresh(states.exceptions, isOther);
      this.turns += 1;
      const nowMs = performance.now();
      if (nowMs < this.#lagAtMs) return;
      this.#lagAtMs = nowMs + TIMING.reports.lagEveryMs;
      await this.reportLag(loops);
      this.turns += 1;
      await this.#measureHeld();
    } catch (error) {
      onTrouble(error);
    }
  }

  /** Another shard is moved from now on: `lag` should show it at once. */
  reportSoon(): void {
    this.#lagAtMs = 0;
  }

  async reportLag(loops: readonly ShardLoop[]): Promise<void> {
    const { link, host, queueTrouble, backpressures, onTrouble } = this.#options;
    const situation = {
      nowMs: performance.now(),
      centralTrouble: queueTrouble,
      heldBack: (queue: string) => backpressures.get(queue)?.reason,
    };
    const figures = loops.flatMap((loop) => lagOf(loop, situation));
    await storeLag(link, host, figures).catch(onTrouble);
  }

  async #measureHeld(): Promise<void> {
    const { link, backpressures } = this.#options;
    const backlogs = await readBacklogs(link, [...backpressures.keys()]);
    for (const [queue, backpressure] of backpressures)
      backpressure.measured(backlogs.get(queue) ?? { bytes: 0, waiting: 0 });
  }
}
