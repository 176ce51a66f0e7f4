// The lanes of central queues: who has each, and what waits in it.
import type { CentralLink } from '../central-link.ts';

export interface LaneState {
  /** What is worked: `orders`, `orders/billing`. */
  readonly work: string;
  readonly lane: number;
  /** The slot that has a batch of it. */
  readonly worker: string | undefined;
  readonly host: string | undefined;
  /** Events that are not handled, those at work included; about 10 000 are counted. */
  readonly waiting: number;
  /** Age of the oldest of them, without those of paused keys. */
  readonly secondsBehind: number | undefined;
  readonly pausedKeys: number;
  /** Keys that wait for their turn or for their rate. */
  readonly limitedKeys: number;
}

interface Row {
  queue: string;
  part: string | null;
  lane: number;
  member: string | null;
  host: string | null;
  waiting: number;
  seconds_behind: number | null;
  paused_keys: number;
  limited_keys: number;
}

/** By their queues and numbers. @param group the group without a name. */
export async function readLaneStates(
  link: Pick<CentralLink, 'query'>,
  { group }: { readonly group: string },
): Promise<LaneState[]> {
  const rows = await link.query<Row>('select * from tributary.lane_list($1)', [group]);
  return rows.map((row) => ({
    work: row.part === null ? row.queue : `${row.queue}/${row.part}`,
    lane: row.lane,
    worker: row.member ?? undefined,
    host: row.host ?? undefined,
    waiting: row.waiting,
    secondsBehind: row.seconds_behind ?? undefined,
    pausedKeys: row.paused_keys,
    limitedKeys: row.limited_keys,
  }));
}
