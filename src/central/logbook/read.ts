// Reads the logbook and the history of central queues.
import type { CallOptions } from '../../postgres/connection.ts';
import type { CentralLink } from '../central-link.ts';

type Asking = Pick<CentralLink, 'query'>;

export interface LoggedAction {
  /** ISO 8601. */
  readonly at: string;
  readonly who: string;
  readonly via: 'cli' | 'page';
  readonly kind: string;
  readonly what: string;
}

/** What operators did last, the newest first. */
export async function readActions(
  link: Asking,
  limit: number,
  options: CallOptions,
): Promise<LoggedAction[]> {
  return await link.query<LoggedAction>(
    `select to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at, who, via, kind, what
     from tributary.logbook where via <> 'program' order by id desc limit $1`,
    [limit],
    options,
  );
}

/** What the charts of a queue are marked with. */
export interface Happening {
  /** Unix seconds. */
  readonly at: number;
  readonly kind: string;
  /** Undefined: nobody did it. */
  readonly who: string | undefined;
  readonly what: string;
}

/** The newest of the last `span`, the oldest first; for a group also what happened to its queue. */
export async function readHappenings(
  link: Asking,
  { queue, span, limit }: { readonly queue: string; readonly span: string; readonly limit: number },
  options: CallOptions,
): Promise<Happening[]> {
  const rows = await link.query<{ at: number; kind: string; who: string | null; what: string }>(
    `select extract(epoch from at)::float8 as at, kind, who, what from tributary.logbook
     where at > now() - $2::interval
         and (central_queues is null or central_queues && array[$1, split_part($1, '/', 1)])
     order by at desc limit $3`,
    [queue, span, limit],
    options,
  );
  return rows.map(({ who, ...row }) => ({ ...row, who: who ?? undefined })).reverse();
}

export interface HistoryStep {
  /** Unix seconds. */
  readonly at: number;
  readonly in_rate: number | null;
  readonly out_rate: number | null;
  readonly waiting: number | null;
  readonly age: number | null;
}

/** The oldest first; steps without figures are absent. */
export async function readQueueHistory(
  link: Asking,
  { queue, span, step }: { readonly queue: string; readonly span: string; readonly step: string },
  options: CallOptions,
): Promise<HistoryStep[]> {
  return await link.query<HistoryStep>(
    'select * from tributary.history_of($1, $2::interval, $3::interval)',
    [queue, span, step],
    options,
  );
}
