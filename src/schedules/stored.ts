// Queries of schedules: how far each has been decided, and deciding it further.
import type { CentralLink } from '../central/central-link.ts';
import type { Config, Schedule } from '../config/config.ts';
import type { CallOptions } from '../postgres/connection.ts';
import type { ScheduleDecision } from './occurrences.ts';

type Central = Pick<CentralLink, 'query'>;

export interface StoredSchedule {
  readonly name: string;
  /** Times in ms since 1970, by central's clock. */
  readonly decidedMs: number;
  readonly isPaused: boolean;
  readonly nowMs: number;
}

/** What `schedule list` shows of one; times in ms since 1970. */
export interface ScheduleFacts {
  readonly name: string;
  readonly decidedMs: number;
  readonly lastDueMs: number | null;
  readonly lastSentMs: number | null;
  readonly sent: number;
  readonly passedOver: number;
  readonly pausedMs: number | null;
  readonly pausedBy: string | null;
}

/** When it is due: what was decided of another spec says nothing. */
const specOf = ({ cron, zone }: Schedule): string => `${cron} ${zone}`;

/** New schedules begin at this moment. */
export async function seeSchedules(
  central: Central,
  schedules: readonly Schedule[],
): Promise<StoredSchedule[]> {
  return await central.query<StoredSchedule>(
    `select name, decided_ms as "decidedMs", is_paused as "isPaused", now_ms as "nowMs" from tributary.schedule_see($1, $2)`,
    [schedules.map(({ name }) => name), schedules.map(specOf)],
  );
}

export interface Deciding extends ScheduleDecision {
  /** Up to where it was decided; absent: an operator asks for one event more. */
  readonly fromMs?: number;
}

/** @returns the transaction; 0: no event was to go in; undefined: another one was faster, or the schedule is paused. */
export async function decideSchedule(
  central: Central,
  { queues }: Pick<Config, 'queues'>,
  { name, queue, type, data }: Schedule,
  { fromMs, untilMs, due, passedOver }: Deciding,
): Promise<number | undefined> {
  const column = queues.find((one) => one.name === queue)?.origin ?? 'none';
  const [row] = await central.query<{ xid: number | null }>(
    'select tributary.schedule_decide($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) as xid',
    [name, fromMs ?? null, untilMs, due, passedOver, queue, type, data ?? null, column, fromMs === undefined],
  );
  return row?.xid ?? undefined;
}

export async function listSchedules(
  central: Central,
  names: readonly string[],
  options: CallOptions = {},
): Promise<ScheduleFacts[]> {
  return await central.query<ScheduleFacts>(
    `select name, decided_ms as "decidedMs", last_due_ms as "lastDueMs", last_sent_ms as "lastSentMs", sent,
        passed_over as "passedOver", paused_ms as "pausedMs", paused_by as "pausedBy" from tributary.schedule_list($1)`,
    [names],
    options,
  );
}

/** @returns those that were not so before. */
export async function pauseSchedules(
  central: Central,
  names: readonly string[],
  { isPaused, who }: { readonly isPaused: boolean; readonly who: string },
): Promise<string[]> {
  const rows = await central.query<{ name: string }>('select tributary.schedule_pause($1, $2, $3) as name', [
    names,
    isPaused,
    who,
  ]);
  return rows.map(({ name }) => name);
}
