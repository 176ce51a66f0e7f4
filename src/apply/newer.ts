// The account of what was applied while older changes may still come: those that failed, and are tried again later.
import type { PgClient } from '../postgres/connection.ts';
import type { AppliedWork } from './look.ts';
import type { TableStep } from './steps.ts';
import { type Target, unfit } from './target.ts';

interface Account {
  readonly target: Target;
  readonly work: AppliedWork;
}

/** Stands for all keys of a shard; a key is never so called. */
const ALL = 'all';
const nameOf = (step: TableStep): string => ('key' in step ? `=${JSON.stringify(step.key)}` : ALL);

/** The steps without those that came late, where a later change of their key was applied before them. */
export async function withoutStale(
  client: PgClient,
  steps: readonly TableStep[],
  { target, work }: Account,
): Promise<TableStep[]> {
  const late = steps.filter(({ isLate }) => isLate);
  if (late.length === 0) return [...steps];
  const { rows } = await client.query<{ shard: string; key: string; event_id: string | number }>(
    `select n.shard, n.key, n.event_id from tributary.apply_newer n
      where n.central_queue = $1 and n.applied = $2 and n.shard = any ($3)
        and (n.key = any ($4) or n.key = $5 or $6)`,
    [
      ...[work.queue, target.table, [...new Set(late.map(({ shard }) => shard))]],
      ...[late.map(nameOf), ALL, late.some((step) => 'isTruncate' in step)],
    ],
  );
  const newer = new Map(rows.map(({ shard, key, event_id }) => [`${shard} ${key}`, Number(event_id)]));
  return steps.filter((step) => {
    if (!step.isLate) return true;
    if ('isTruncate' in step) {
      if (rows.some(({ shard, event_id }) => shard === step.shard && Number(event_id) > step.id))
        throw unfit(
          `The truncate of ${target.source} on shard ${step.shard} failed before, and later changes were applied meanwhile.`,
          'Discard it, and see by `tributary compare` what is different.',
        );
      return true;
    }
    return ![nameOf(step), ALL].some((name) => (newer.get(`${step.shard} ${name}`) ?? 0) > step.id);
  });
}

/** Notes the last change of each key. */
export async function noteNewer(
  client: PgClient,
  steps: readonly TableStep[],
  { target, work }: Account,
): Promise<void> {
  const last = new Map(steps.map((step) => [`${step.shard} ${nameOf(step)}`, step]));
  const noted = [...last.values()];
  if (noted.length === 0) return;
  await client.query(
    `insert into tributary.apply_newer as n (central_queue, applied, shard, key, event_id)
     select $1, $2, x.shard, x.key, x.id from unnest($3::text[], $4::text[], $5::bigint[]) as x (shard, key, id)
     on conflict (central_queue, applied, shard, key) do update set event_id = greatest(n.event_id, excluded.event_id)`,
    [
      ...[work.queue, target.table],
      ...[noted.map(({ shard }) => shard), noted.map(nameOf), noted.map(({ id }) => id)],
    ],
  );
}
