// Puts the events of schedules into their queues when they are due, by central's clock.
//
// Invariant: how far a schedule has been decided changes only in the transaction that inserts its events, and only from where
// the one that decides believes it to be: so each time is decided once, by however many hosts, and after every crash.
import type { CentralLink } from '../central/central-link.ts';
import type { Config } from '../config/config.ts';
import { failPoint } from '../lifecycle/fail-point.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { PendingTicks, tickOn } from '../upkeep/pending-ticks.ts';
import { decide, nextAfter } from './occurrences.ts';
import { decideSchedule, type StoredSchedule, seeSchedules } from './stored.ts';

export interface ScheduleClockOptions {
  readonly config: Pick<Config, 'queues' | 'schedules'>;
  readonly onTrouble: (what: string, error: unknown) => void;
}

export class ScheduleClock {
  readonly name = 'schedules';
  readonly #link: CentralLink;
  readonly #options: ScheduleClockOptions;
  readonly #ticks = new PendingTicks();

  /** @param link used by this alone. */
  constructor(link: CentralLink, options: ScheduleClockOptions) {
    this.#link = link;
    this.#options = options;
  }

  /** @returns how long there is nothing to do, in ms. */
  async runOnce(): Promise<number> {
    const { schedules } = this.#options.config;
    if (schedules.length === 0) return TIMING.watchdog.longestRestMs;
    let restMs: number = TIMING.schedules.lookEveryMs;
    try {
      const stored = new Map((await seeSchedules(this.#link, schedules)).map((one) => [one.name, one]));
      for (const { name } of schedules) {
        const one = stored.get(name);
        if (one !== undefined && !one.isPaused) restMs = Math.min(restMs, await this.#decide(one));
      }
      await this.#ticks.ask(tickOn(this.#link));
    } catch (error) {
      this.#options.onTrouble('schedules', error);
    }
    return Math.max(TIMING.schedules.apartMs, Math.min(restMs, this.#ticks.dueInMs ?? restMs));
  }

  /** One whose queue takes no events keeps no other from its time. @returns ms until the next time. */
  async #decide({ name, decidedMs: fromMs, nowMs }: StoredSchedule): Promise<number> {
    const { config, onTrouble } = this.#options;
    const schedule = config.schedules.find((one) => one.name === name);
    if (schedule === undefined) return TIMING.schedules.lookEveryMs;
    try {
      const decision = decide(schedule, fromMs, nowMs);
      // What is not due yet is not worth a write.
      if (decision.due.length > 0 || decision.passedOver > 0) {
        await failPoint('schedule:due');
        const xid = await decideSchedule(this.#link, config, schedule, { fromMs, ...decision });
        await failPoint('schedule:decided');
        if (xid !== undefined && xid > 0) this.#ticks.committed(schedule.queue, xid);
      }
      return (nextAfter(schedule, Math.max(nowMs, fromMs)) ?? Number.POSITIVE_INFINITY) - nowMs;
    } catch (error) {
      onTrouble(`schedule ${name}`, error);
      return TIMING.schedules.lookEveryMs;
    }
  }
}
