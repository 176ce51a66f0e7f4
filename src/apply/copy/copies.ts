// The copies of a queue on central: which tables of which shards are to be copied, how far they are, and the worker's turn.

import { TIMING } from '../../lifecycle/timing.ts';
import type { Connection } from '../../postgres/connection.ts';
import { COPY_STATE, type CopyState } from './copy-table.ts';

export interface CopyName {
  readonly applied: string;
  readonly shard: string;
  readonly source: string;
}

export interface StoredCopy extends CopyName, CopyState {
  readonly begunAt: Date;
  /** When the last piece was copied, or it was begun. */
  readonly movedAt: Date;
  /** Why the next piece was not, where that is known. */
  readonly trouble: string | null;
  readonly endedAt: Date | null;
}

/**
 * Waits until no worker applies changes that has not seen these copies, and keeps others waiting for that moment: from then on a
 * worker waits for the piece at hand.
 */
const TURN = 'begin isolation level read committed; lock table tributary.apply_copy in exclusive mode';

export async function inTurn(central: Connection, work: () => Promise<unknown>): Promise<void> {
  try {
    await central.script(TURN, { timeoutMs: TIMING.commands.copyPieceMs });
    await work();
    await central.script('commit');
  } catch (error) {
    if (!central.failed) await central.script('rollback').catch(() => {});
    throw error;
  }
}

const NAMES = 'from unnest($2::text[], $3::text[], $4::text[]) as x (applied, shard, source)';

const valuesOf = (queue: string, names: readonly CopyName[]) => [
  ...[queue, names.map(({ applied }) => applied)],
  ...[names.map(({ shard }) => shard), names.map(({ source }) => source)],
];

/** Notes what is to be copied: from the beginning where that is said, or where it never was; else it goes on. */
export async function beginCopies(
  central: Connection,
  queue: string,
  { names, isAgain }: { readonly names: readonly CopyName[]; readonly isAgain: boolean },
): Promise<StoredCopy[]> {
  await inTurn(central, async () => {
    if (isAgain)
      await central.query(
        `delete from tributary.apply_copy c using (select * ${NAMES}) x
         where c.central_queue = $1 and c.applied = x.applied and c.shard = x.shard and c.source = x.source`,
        valuesOf(queue, names),
      );
    await central.query(
      `insert into tributary.apply_copy as c (central_queue, applied, shard, source, state)
       select $1, x.applied, x.shard, x.source, 'copying' ${NAMES}
       on conflict (central_queue, applied, shard, source) do update
       set state = case when c.ended_at is null then 'copying' else 'copied' end, moved_at = clock_timestamp(), trouble = null
       where c.state <> 'copied'`,
      valuesOf(queue, names),
    );
  });
  return await readCopies(central, queue);
}

/** Notes why copies of a shard do not get on, for those who ask later. */
export async function noteTrouble(
  central: Connection,
  queue: string,
  { shard, sentence }: { readonly shard: string; readonly sentence: string },
): Promise<void> {
  await central.query(
    `update tributary.apply_copy set trouble = $3 where central_queue = $1 and shard = $2 and state = 'copying'`,
    [queue, shard, sentence],
  );
}

export async function readCopies(central: Connection, queue: string): Promise<StoredCopy[]> {
  return await central.query<StoredCopy>(
    `select applied, shard, source, ${COPY_STATE}, begun_at as "begunAt", moved_at as "movedAt", trouble, ended_at as "endedAt"
     from tributary.apply_copy where central_queue = $1 order by shard, applied, source`,
    [queue],
  );
}
