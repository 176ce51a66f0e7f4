// Repairs rows of central that differ: as the shard has them now, while the worker that applies its changes waits.
//
// Invariant: whether a row is written or deleted is decided by a snapshot of the shard that is taken while the worker waits, as in a copy:
// it is newer than all that was applied before it, and what is applied behind it says what has happened since. A change that failed
// before and comes later does not bring a row back that was found to be gone.
import { inTurn } from '../apply/copy/copies.ts';
import { namesSql, ONE_SPELLING, type SourceTable, sharedColumns } from '../apply/copy/source-table.ts';
import { copyStaged, NEWEST_SQL } from '../apply/copy/staged-rows.ts';
import { type Target, unfit } from '../apply/target.ts';
import { TIMING } from '../lifecycle/timing.ts';
import type { Connection } from '../postgres/connection.ts';
import { identifier, literal } from '../postgres/quote.ts';
import type { Difference } from './compare-table.ts';
import { keysSql, sameKey } from './sides.ts';

export interface Repair {
  readonly queue: string;
  readonly target: Target;
  /** One table, or its parts. */
  readonly sources: readonly [SourceTable, ...SourceTable[]];
  readonly shard: Connection;
  readonly central: Connection;
  readonly differences: readonly Difference[];
}

const PIECE = 1_000;
const OWN = 'central_queue = $1 and applied = $2 and shard = $3 and source = $4';

/**
 * What is in the queue of before is applied once more behind it, and comes to the same.
 * @returns how many rows were seen to.
 */
export async function repairRows(repair: Repair): Promise<number> {
  const { queue, target, sources, central, differences } = repair;
  const [source] = sources;
  const own = [queue, target.table, source.shard, source.name];
  await inTurn(central, () =>
    central.query(
      `insert into tributary.apply_copy as c (central_queue, applied, shard, source, state) values ($1, $2, $3, $4, 'repairing')
       on conflict (central_queue, applied, shard, source) do update
       set state = case c.state when 'copied' then 'repairing' else c.state end`,
      own,
    ),
  );
  try {
    for (let at = 0; at < differences.length; at += PIECE)
      await repairPiece(
        repair,
        own,
        differences.slice(at, at + PIECE).map(({ key }) => key),
      );
  } catch (error) {
    for (const connection of [repair.shard, central])
      if (!connection.failed) await connection.script('rollback').catch(() => {});
    throw error;
  } finally {
    if (!central.failed) {
      await central.query(
        `delete from tributary.apply_copy where ${OWN} and state = 'repairing' and ended_at is null`,
        own,
      );
      await central.query(
        `update tributary.apply_copy set state = 'copied' where ${OWN} and state = 'repairing'`,
        own,
      );
    }
  }
  return differences.length;
}

async function repairPiece(
  { queue, target, sources, shard, central }: Repair,
  own: readonly string[],
  keys: readonly (readonly string[])[],
): Promise<void> {
  const [source] = sources;
  await central.script('begin isolation level read committed');
  const [copy] = await central.query<{ state: string; newest: string | null }>(
    `select state, ${NEWEST_SQL} from tributary.apply_copy where ${OWN} for update`,
    own,
    { timeoutMs: TIMING.commands.copyPieceMs },
  );
  if (copy === undefined || copy.state === 'copied')
    throw unfit(
      `Another command copies or repairs ${source.name} of shard ${source.shard} at the same time.`,
      'Run this again when it is done.',
    );
  await shard.script(`begin isolation level repeatable read read only; ${ONE_SPELLING}`);
  const columns = sharedColumns(source, target);
  const byName = new Map(source.columns.map((column) => [column.name, column]));
  const sourceKey = target.ownKey.map(({ name }) => byName.get(name) ?? { name, type: 'text' });
  await copyStaged(
    { shard, central, target },
    {
      ...{ queue, newest: copy.newest, shard: source.shard, columns },
      select: sources
        .map(
          ({ sql }) =>
            `select ${namesSql(columns, 't.')} from ${keysSql(sourceKey, keys)} join ${sql} t on ${sameKey(sourceKey)}`,
        )
        .join(' union all '),
      keys: `select distinct ${target.ownKey.map(({ name, type }, at) => `x.c${at}::${type} as ${identifier(name)}`).join(', ')} from ${keysSql(target.ownKey, keys)}`,
    },
  );
  await shard.script('commit');
  const gone = target.ownKey.map(({ name }) => `s.${identifier(name)} = t.${identifier(name)}`).join(' and ');
  await central.script(
    `delete from ${target.sql} t using ${keysSql(target.ownKey, keys)}
     where ${sameKey(target.ownKey)} and t.${identifier(target.shard)}::text = ${literal(source.shard)}
       and not exists (select from pg_temp.tributary_staged s where ${gone});
     commit`,
  );
}
