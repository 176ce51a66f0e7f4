// When the schedules of the file put events into which queue, for the page.
//
// Invariant: a time is computed once, and again when it has passed or its schedule is another one.
import type { Config, Schedule } from '../../config/config.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import type { Connection } from '../../postgres/connection.ts';
import { nextAfter } from '../../schedules/occurrences.ts';
import { listSchedules, type ScheduleFacts } from '../../schedules/stored.ts';
import type { ScheduleState } from './state.ts';

export class Timetable {
  readonly #config: Pick<Config, 'schedules'>;
  readonly #next = new Map<string, { readonly spec: string; readonly ms: number }>();

  /** @param config as it is read again. */
  constructor(config: Pick<Config, 'schedules'>) {
    this.#config = config;
  }

  /** By central queue. Central is asked only where there are schedules. */
  async read(central: Connection, nowMs: number): Promise<Map<string, ScheduleState[]>> {
    const { schedules } = this.#config;
    const byQueue = new Map<string, ScheduleState[]>();
    if (schedules.length === 0) return byQueue;
    const names = schedules.map(({ name }) => name);
    const facts = await listSchedules(central, names, { timeoutMs: TIMING.http.centralMs });
    const stored = new Map(facts.map((one) => [one.name, one]));
    for (const schedule of schedules) {
      const shown = this.#shown(schedule, stored.get(schedule.name), nowMs);
      byQueue.set(schedule.queue, [...(byQueue.get(schedule.queue) ?? []), shown]);
    }
    return byQueue;
  }

  #shown(schedule: Schedule, facts: ScheduleFacts | undefined, nowMs: number): ScheduleState {
    const { name, cron, zone } = schedule;
    const isPaused = facts != null && facts.pausedMs !== null;
    return {
      ...{ name, cron, zone },
      next: iso(this.#nextOf(schedule, nowMs)),
      last: iso(facts?.lastDueMs ?? Number.POSITIVE_INFINITY),
      sent: facts?.sent ?? 0,
      pausedBy: isPaused ? (facts.pausedBy ?? 'somebody') : null,
    };
  }

  /** Infinity: there is none. */
  #nextOf({ name, cron, zone }: Schedule, nowMs: number): number {
    const spec = `${cron} ${zone}`;
    const known = this.#next.get(name);
    if (known !== undefined && known.spec === spec && known.ms > nowMs) return known.ms;
    const ms = nextAfter({ cron, zone }, nowMs) ?? Number.POSITIVE_INFINITY;
    this.#next.set(name, { spec, ms });
    return ms;
  }
}

const iso = (ms: number): string | null => (Number.isFinite(ms) ? new Date(ms).toISOString() : null);
