// Hands dead events out again, a small transaction at a time.
//
// Invariant: an event is marked as handed out in the transaction that hands it out, so it is never handed out twice.
// Order: the oldest first; events that die after the command began are not included.
// Fails by: committed events are handed out, the rest is still dead; the same command goes on from there.
import { canBeEventsFault, sqlstateOf } from '../errors/sqlstate.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { wait } from '../lifecycle/wait.ts';
import type { CentralLink } from './central-link.ts';
import { commitRows } from './commit/commit.ts';
import { type DeadFilter, pageDead } from './dead.ts';

type Central = Pick<CentralLink, 'use' | 'query'>;

export interface DeadRetryOptions {
  /** The group without a name; what died in another one goes back to that. */
  readonly group: string;
  /** Undefined: as fast as it goes. */
  readonly perSecond: number | undefined;
  /** Called behind each transaction or so. */
  onProgress?(result: Readonly<RetryResult>): void;
  /** Stops between two transactions. */
  readonly signal: AbortSignal;
}

/** Numbers of events. */
export interface RetryResult {
  retried: number;
  /** Stay dead because an event with the same id waits for a retry. */
  waiting: number;
  /** Refused events that central refused once more; they have the new error. */
  refused: number;
  /** Refused events of which only the first part was kept. */
  cut: number;
}

/** Raised by dead_stored: another command was faster. */
const TAKEN = '55006';

type Page = Awaited<ReturnType<typeof pageDead>>;

const MOST_IN_TRANSACTION = 50;
const COMMIT = { timeoutMs: TIMING.commands.deadRetryMs, holdSql: 'select 1' };

/** @param filter with `upTo`, or an event that fails at once would be handed out without end. */
export async function retryDead(
  link: Central,
  filter: DeadFilter & { readonly upTo: number },
  { group, perSecond, signal, onProgress }: DeadRetryOptions,
): Promise<RetryResult> {
  const result = { retried: 0, waiting: 0, refused: 0, cut: 0 };
  const limit = perSecond === undefined ? MOST_IN_TRANSACTION : pageSize(perSecond);
  let after = 0;
  while (!signal.aborted) {
    const startedMs = performance.now();
    const page = await pageDead(link, filter, { after, limit });
    const last = page.at(-1);
    if (last === undefined) break;
    await retryPage(link, page, { group, result });
    onProgress?.(result);
    after = last.id;
    if (perSecond !== undefined)
      await wait((page.length / perSecond) * 1_000 - (performance.now() - startedMs), signal);
  }
  return result;
}

/** A tenth of a second's share. */
const pageSize = (perSecond: number): number =>
  Math.min(MOST_IN_TRANSACTION, Math.max(1, Math.floor(perSecond / 10)));

async function retryPage(
  link: Central,
  page: Page,
  { group, result }: { group: string; result: RetryResult },
): Promise<void> {
  for (const queue of new Set(page.map((event) => event.queue))) {
    const events = page.filter((event) => event.queue === queue);
    const refused = events.filter(({ kind }) => kind === 'poison');
    const others = events.filter(({ kind }) => kind !== 'poison').map(({ id }) => id);
    if (others.length > 0) {
      const rows = await link.query<{ is_out: boolean }>(
        'select is_out from tributary.dead_retry($1, $2, $3)',
        [queue, group, others],
      );
      const out = rows.filter((row) => row.is_out).length;
      result.retried += out;
      result.waiting += rows.length - out;
    }
    const whole = refused.filter((event) => event.is_whole).map(({ id }) => id);
    result.cut += refused.length - whole.length;
    for (const id of whole) await storeAgain(link, { queue, id, result });
  }
}

/** As others that were dead: not retried yet, and not null, so that it is known to come late. */
function withRetry(row: Buffer): Buffer {
  const added = Buffer.concat([row, Buffer.from([0, 0, 0, 4, 0, 0, 0, 0])]);
  added.writeInt16BE(row.readInt16BE(0) + 1, 0);
  return added;
}

/** One transaction for each: an event that central refuses keeps no other from being stored. */
async function storeAgain(
  link: Central,
  { queue, id, result }: { queue: string; id: number; result: RetryResult },
): Promise<void> {
  const [kept] = await link.query<{ raw: string }>('select raw from tributary.dead_raw($1)', [[id]]);
  if (kept === undefined) return;
  const content = {
    queue,
    chunks: [withRetry(Buffer.from(kept.raw, 'base64'))],
    alongsideSql: `select tributary.dead_stored(array[${id}]::bigint[])`,
  };
  try {
    await link.use((central) => commitRows(central, content, COMMIT));
    result.retried += 1;
  } catch (error) {
    if (sqlstateOf(error) === TAKEN) return;
    if (!canBeEventsFault(error)) throw error;
    const message = error instanceof Error ? error.message : String(error);
    await link.query('select tributary.dead_refused($1, $2, $3)', [id, message, sqlstateOf(error)]);
    result.refused += 1;
  }
}
