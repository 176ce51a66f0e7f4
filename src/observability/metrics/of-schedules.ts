// Metrics of schedules, which belong to central. Pure.
//
// Invariant: of a schedule that no host has looked at yet nothing is said, and of one that is paused nothing that is due.
import type { ScheduleStanding } from '../../schedules/standing.ts';
import { type Figures, gauge } from './figures.ts';

export function scheduleFigures(standings: readonly ScheduleStanding[]): Figures {
  const of = (value: (schedule: ScheduleStanding) => number | undefined) =>
    gauge(
      ...standings.flatMap((one) => {
        const figure = value(one);
        return figure === undefined ? [] : [[[one.name], figure] as const];
      }),
    );
  const seconds = (ms: number | undefined) => (ms === undefined ? undefined : ms / 1_000);
  return {
    tributary_schedule_last_time_seconds: of(({ lastMs }) => seconds(lastMs)),
    tributary_schedule_next_time_seconds: of(({ nextMs }) => seconds(nextMs)),
    tributary_schedule_overdue_seconds: of(({ nextMs, overdueSeconds }) =>
      nextMs === undefined ? undefined : (overdueSeconds ?? 0),
    ),
    tributary_schedule_paused: of(({ paused }) => Number(paused !== undefined)),
    tributary_schedule_events_total: of(({ sent }) => sent),
    tributary_schedule_passed_over_total: of(({ passedOver }) => passedOver),
  };
}
