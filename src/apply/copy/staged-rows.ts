// Rows of a shard, copied into a table of the transaction on central and from there into the table that changes are applied to.
import { pipeline } from 'node:stream/promises';
import { TIMING } from '../../lifecycle/timing.ts';
import type { Connection } from '../../postgres/connection.ts';
import { identifier, literal } from '../../postgres/quote.ts';
import { mayReplace } from '../statements.ts';
import { type Target, unfit } from '../target.ts';
import { namesSql, type SourceColumn } from './source-table.ts';

export interface StagedCopy {
  readonly queue: string;
  /** As `newest` of `NEWEST_SQL` before the snapshot on the shard was taken. */
  readonly newest: string | null;
  readonly shard: string;
  /** On the shard: a select of `columns`. */
  readonly select: string;
  readonly columns: readonly SourceColumn[];
  /** On central: a select of the keys that were looked at, also those that the shard has no row of; default: those that came. */
  readonly keys?: string;
}

const STAGE = 'tributary_staged';

/** @returns how many rows came. @throws TributaryError where one of them belongs to another shard and the file does not say who wins. */
export async function copyStaged(
  {
    shard,
    central,
    target,
  }: { readonly shard: Connection; readonly central: Connection; readonly target: Target },
  { queue, newest, shard: name, select, columns, keys: lookedAt }: StagedCopy,
): Promise<number> {
  const names = namesSql(columns);
  const own = identifier(target.shard);
  await central.script(
    `drop table if exists pg_temp.${STAGE};
     create temp table ${STAGE} on commit drop as select ${names} from ${target.sql} with no data`,
  );
  await pipeline(
    shard.copyOut(`copy (${select}) to stdout`),
    central.copyIn(`copy pg_temp.${STAGE} (${names}) from stdin`),
  );
  const keys = new Set(target.key);
  const set = [target.shard, ...columns.map((column) => column.name)]
    .filter((column) => !keys.has(column) && target.columns.get(column)?.isIdentity !== true)
    .map((column) => `${identifier(column)} = excluded.${identifier(column)}`);
  const [row] = await central.query<{ staged: number; written: number }>(
    `with w as (
       insert into ${target.sql} as t (${own}, ${names}) overriding system value
       select ${literal(name)}, ${names} from pg_temp.${STAGE}
       on conflict (${target.key.map(identifier).join(', ')}) do ${set.length === 0 ? 'nothing' : `update set ${set.join(', ')}${mayReplace(target)}`}
       returning 1)
     select (select count(*) from pg_temp.${STAGE}) as staged, (select count(*) from w) as written`,
    [],
    { timeoutMs: TIMING.commands.copyPieceMs },
  );
  const { staged = 0, written = 0 } = row ?? {};
  if (!target.isOfShards && target.onConflict === 'error' && written < staged)
    await refuseConflict(central, target, name);
  await noteCopied(central, target, { queue, newest, shard: name, keys: lookedAt });
  return staged;
}

/** An id that is behind those of all events of queue $1 that central has now; null where older changes come behind newer ones never. */
export const NEWEST_SQL = `(select (t.tick_event_seq + 1)::text from pgq.tick t join pgq.queue q on q.queue_id = t.tick_queue
  where q.queue_name = $1 and tributary.apply_is_late($1) order by t.tick_id desc limit 1) as newest`;

/** Changes that failed before may come late, and are older than the rows that were copied, or found to be gone. */
async function noteCopied(
  central: Connection,
  { table, ownKey }: Target,
  {
    queue,
    newest,
    shard,
    keys = `select * from pg_temp.${STAGE}`,
  }: Pick<StagedCopy, 'queue' | 'newest' | 'shard'> & { readonly keys: string | undefined },
): Promise<void> {
  if (newest === null) return;
  const key = ownKey.map(({ name }) => `s.${identifier(name)}::text`).join(', ');
  await central.query(
    `insert into tributary.apply_newer as n (central_queue, applied, shard, key, event_id)
     select $1, $2, $3, '=' || array_to_json(array[${key}])::text, $4::bigint from (${keys}) s
     on conflict (central_queue, applied, shard, key) do update set event_id = greatest(n.event_id, excluded.event_id)`,
    [queue, table, shard, newest],
    { timeoutMs: TIMING.commands.copyPieceMs },
  );
}

async function refuseConflict(central: Connection, target: Target, shard: string): Promise<void> {
  const own = identifier(target.shard);
  const same = target.ownKey.map(({ name }) => `t.${identifier(name)} = s.${identifier(name)}`).join(' and ');
  const [found] = await central.query<{ owner: string | null; key: string }>(
    `select t.${own}::text as owner, concat_ws(', ', ${target.ownKey.map(({ name }) => `s.${identifier(name)}`).join(', ')}) as key
     from pg_temp.${STAGE} s join ${target.sql} t on ${same} where t.${own}::text is distinct from $1 limit 1`,
    [shard],
  );
  if (found === undefined) return;
  const names = target.ownKey.map(({ name }) => name).join(', ');
  throw unfit(
    `Shard ${shard} has a row with ${names} = ${found.key} in ${target.source}, and in ${target.table} of central ${found.owner === null ? 'there is one of no shard' : `shard ${found.owner} has one`}.`,
    `Make the key unique over all shards, take the shard into it (\`key: [${target.shard}, ${names}]\`), or say by \`on_conflict\` which of them wins.`,
  );
}
