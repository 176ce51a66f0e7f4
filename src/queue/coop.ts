// Queries of cooperative consumption (tributary.coop_*): several members share one position of a central queue.
import { literal } from '../postgres/quote.ts';

/** Runs one statement: our own connection, with plain types or ours. */
export interface Querier {
  query(text: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>;
}

export interface CoopMember {
  readonly queue: string;
  readonly group: string;
  readonly member: string;
}

export interface CoopBatch {
  /** The batch id in all of PgQ's functions; each hand-out has a new one, and ends the one before. */
  readonly token: number;
  readonly startTick: number;
  readonly endTick: number;
  /** When its ticks were made, in ms since the epoch. */
  readonly startTimeMs: number;
  readonly endTimeMs: number;
  /** Central's clock when it was handed out. */
  readonly nowMs: number;
  /** How many times this batch was handed out, this time included. */
  readonly openings: number;
  /** The member that had it, where it was taken over. */
  readonly takenOverFrom: string | undefined;
  /** It has the events of this lane alone; undefined: its group has no lanes. */
  readonly lane: number | undefined;
  /** Events that are put off make those behind them with the same key wait: from there on the batch is read again. */
  readonly isPausing: boolean;
  /** Of its events that had to wait for their time before they came into the queue. */
  readonly due: readonly DueEvents[];
}

/** Events that one transaction put into the queue when they were due. */
export interface DueEvents {
  readonly txid: string;
  /** Event ids, the lowest first: the time of each counts for the events from it on, up to the next. */
  readonly ids: readonly number[];
  /** In ms since the epoch: when they were due, or were made where that was later. */
  readonly timesMs: readonly number[];
}

export interface NextBatchOptions {
  /** Members without a sign of life for this long are dead; undefined: only batches of unregistered members are taken over. */
  readonly deadAfterMs?: number;
  /** Joins ticks with fewer events until a batch has this many; never waits. */
  readonly minCount?: number;
  /** Collects events for this long, or until there are `minCount`. */
  readonly minIntervalMs?: number;
  /** Only events that are at least this old. */
  readonly minLagMs?: number;
  /**
   * The caller skips events of a batch that are done already, and reads only those of its lane; without it the rest of such a
   * batch goes to retry, and a group with lanes gives none.
   */
  readonly knowsProgress?: boolean;
}

/** What PostgreSQL says when a token is no longer valid. */
export const STALE_BATCH_SQLSTATE = 'TB001';

/** Its columns in the order of `toBatch`. */
const NEXT_BATCH = `select batch_id, start_tick, end_tick,
    extract(epoch from start_time)::float8 * 1000 as start_ms, extract(epoch from end_time)::float8 * 1000 as end_ms,
    extract(epoch from clock_timestamp())::float8 * 1000 as now_ms, openings, taken_over_from, batch_lane, is_pausing,
    case when batch_id is not null then tributary.batch_due($1, start_tick, end_tick) end::text as due
from tributary.coop_next_batch($1, $2, $3, dead_interval => $4::float8 * interval '1 millisecond',
    min_lag => $5::float8 * interval '1 millisecond', min_count => $6::int4,
    min_interval => $7::float8 * interval '1 millisecond', knows_progress => $8, knows_lanes => $8)`;

/** In a transaction of its own. @returns undefined where there is nothing to do; that call wrote nothing. */
export async function coopNextBatch(
  connection: Querier,
  { queue, group, member, ...options }: CoopMember & NextBatchOptions,
): Promise<CoopBatch | undefined> {
  const [row] = await connection.query(NEXT_BATCH, [
    queue,
    group,
    member,
    options.deadAfterMs ?? null,
    options.minLagMs ?? null,
    options.minCount ?? null,
    options.minIntervalMs ?? null,
    options.knowsProgress ?? false,
  ]);
  return row && toBatch(Object.values(row));
}

/** The same as text, for a member of ours. Its row is what `toBatch` takes. */
export function nextBatchSql(
  { queue, group, member }: CoopMember,
  { minCount }: { readonly minCount: number },
): string {
  const values = [literal(queue), literal(group), literal(member), 'null', 'null', minCount, 'null', 'true'];
  return NEXT_BATCH.replaceAll(/\$(\d)/g, (_, at) => String(values[Number(at) - 1]));
}

/** @returns undefined where there was nothing to hand out. */
export function toBatch(row: readonly unknown[]): CoopBatch | undefined {
  const [token, startTick, endTick, startMs, endMs, nowMs, openings, takenOverFrom, lane, isPausing, due] =
    row;
  if (token === null || token === undefined) return undefined;
  return {
    token: Number(token),
    startTick: Number(startTick),
    endTick: Number(endTick),
    startTimeMs: Number(startMs),
    endTimeMs: Number(endMs),
    nowMs: Number(nowMs),
    openings: Number(openings),
    takenOverFrom: (takenOverFrom as string | null) ?? undefined,
    lane: lane === null || lane === undefined ? undefined : Number(lane),
    isPausing: isPausing === true || isPausing === 't',
    due: typeof due === 'string' ? dueOf(due) : [],
  };
}

const dueOf = (text: string): DueEvents[] =>
  (JSON.parse(text) as [number, number[], number[]][]).map(([txid, ids, timesMs]) => ({
    ...{ txid: String(txid), ids, timesMs },
  }));

/**
 * First statement of the handler's transaction: a member that takes the batch over ends this backend.
 * @param token of the batch, or a placeholder such as `$1`.
 */
export const coopHoldSql = (token: number | string): string => `select tributary.coop_hold(${token})`;

/**
 * Last statement of the handler's transaction.
 * Raises TB001 where the batch was taken over or finished: the transaction can only be rolled back.
 */
export const coopFinishSql = (token: number | string): string =>
  `select tributary.coop_finish_batch(${token})`;

/** Turns a plain consumer into the group, with its position and its retries. Gives 0 where the group is there and the consumer is not. */
export const coopAdoptSql = ({ queue, consumer, group }: Adoption): string =>
  `select tributary.coop_adopt(${literal(queue)}, ${literal(consumer)}, ${literal(group)})`;

export interface Adoption {
  readonly queue: string;
  readonly consumer: string;
  readonly group: string;
}

/** Gives a sign of life, over another connection than the handler's. @returns whether the token is still valid. */
export async function coopTouch(connection: Querier, token: number): Promise<boolean> {
  return isTrue(await connection.query('select tributary.coop_touch($1::int8) as answer', [token]));
}

export interface OpenBatch {
  readonly token: number;
  /** The member's last sign of life, as central writes it. */
  readonly active: string;
}

/** Batches that members of the group have open, orphans left out. */
export async function coopOpenBatches(
  connection: Querier,
  { queues, group }: { readonly queues: readonly string[]; readonly group: string },
): Promise<OpenBatch[]> {
  const rows = await connection.query(
    'select batch_id, active from tributary.coop_open_batches($1::text[], $2)',
    [queues, group],
  );
  return rows.map(({ batch_id, active }) => ({ token: Number(batch_id), active: String(active) }));
}

/** Makes the batch of a silent member an orphan. @returns false where the member gave a sign of life since. */
export async function coopExpire(connection: Querier, { token, active }: OpenBatch): Promise<boolean> {
  return isTrue(
    await connection.query('select tributary.coop_expire($1::int8, $2) as answer', [token, active]),
  );
}

/** For a member that lives and has not finished its batch: this opening does not count, no slice is at work. @returns whether the token is still valid. */
export async function coopHandBack(connection: Querier, token: number): Promise<boolean> {
  return isTrue(await connection.query('select tributary.coop_hand_back($1::int8) as answer', [token]));
}

/** @returns whether the member is new. @throws where there is no such group: only `install` makes one. */
export async function coopRegister(
  connection: Querier,
  { queue, group, member }: CoopMember,
): Promise<boolean> {
  return isTrue(
    await connection.query('select tributary.coop_register($1, $2, $3) = 1 as answer', [
      queue,
      group,
      member,
    ]),
  );
}

/**
 * Unregisters the member of a process that ends; a batch that another process has under the same name by now is left alone.
 * @param token of the last batch that it took.
 */
export async function coopLeave(
  connection: Querier,
  { queue, group, member }: CoopMember,
  token: number | undefined,
): Promise<boolean> {
  return isTrue(
    await connection.query('select tributary.coop_leave($1, $2, $3, $4) = 1 as answer', [
      queue,
      group,
      member,
      token ?? null,
    ]),
  );
}

const isTrue = ([row]: Record<string, unknown>[]): boolean => row?.answer === true;
