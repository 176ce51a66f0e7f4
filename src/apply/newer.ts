// The account of what was applied while older changes may still come: those that failed, and are tried again later.
//
// Invariant: a change that comes late is passed over where a later one of its key was applied before it. Which one is later is told by
// the ids of events: those of central, which an event keeps that is tried again or was dead, and those that they had on their shard,
// because one that central refused at first gets its id on central when it is retried.
import type { PgClient } from '../postgres/connection.ts';
import type { AppliedWork } from './look.ts';
import type { TableStep } from './steps.ts';
import type { Target } from './target.ts';

interface Account {
  readonly target: Target;
  readonly work: AppliedWork;
}

interface Noted {
  readonly shard: string;
  readonly key: string;
  readonly id: number;
  readonly sourceId: number | undefined;
}

/** Stands for all keys of a shard; a key is never so called. */
const ALL = 'all';
const keyText = (key: readonly string[]): string => `=${JSON.stringify(key)}`;
const nameOf = (step: TableStep): string => ('key' in step ? keyText(step.key) : ALL);

const isNewer = ({ id, sourceId }: Noted, step: TableStep): boolean =>
  id > step.id || (sourceId !== undefined && step.sourceId !== undefined && sourceId > step.sourceId);

/** The steps without those that came late, where a later change of their key was applied before them. */
export async function withoutStale(
  client: PgClient,
  steps: readonly TableStep[],
  { target, work }: Account,
): Promise<TableStep[]> {
  const late = steps.filter(({ isLate }) => isLate);
  if (late.length === 0) return [...steps];
  const { rows } = await client.query<{ shard: string; key: string; id: string; source_id: string | null }>(
    `select n.shard, n.key, n.event_id::text as id, n.source_id::text from tributary.apply_newer n
      where n.central_queue = $1 and n.applied = $2 and n.shard = any ($3)
        and (n.key = any ($4) or n.key = $5 or $6)`,
    [
      ...[work.queue, target.table, [...new Set(late.map(({ shard }) => shard))]],
      ...[late.map(nameOf), ALL, late.some((step) => 'isTruncate' in step)],
    ],
  );
  const noted = new Map<string, Noted>();
  for (const { shard, key, id, source_id } of rows)
    noted.set(`${shard} ${key}`, {
      ...{ shard, key, id: Number(id) },
      sourceId: source_id === null ? undefined : Number(source_id),
    });
  return steps.flatMap((step): TableStep[] => {
    const { shard, id, sourceId } = step;
    const key = nameOf(step);
    if (step.isLate) {
      const isStale = [key, ALL].some((name) => {
        const newer = noted.get(`${shard} ${name}`);
        return newer !== undefined && isNewer(newer, step);
      });
      if (isStale) return [];
    }
    noted.set(`${shard} ${key}`, { shard, key, id, sourceId });
    if (!step.isLate || !('isTruncate' in step)) return [step];
    // Rows that came behind it stay: all of them are noted, for it failed before they came.
    const except = [...noted.values()]
      .filter((one) => one.shard === shard && one.key !== ALL && isNewer(one, step))
      .map((one) => JSON.parse(one.key.slice(1)) as string[]);
    return [{ ...step, except }];
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
    `insert into tributary.apply_newer as n (central_queue, applied, shard, key, event_id, source_id)
     select $1, $2, x.shard, x.key, x.id, x.source_id
     from unnest($3::text[], $4::text[], $5::bigint[], $6::bigint[]) as x (shard, key, id, source_id)
     on conflict (central_queue, applied, shard, key) do update
     set event_id = greatest(n.event_id, excluded.event_id), source_id = greatest(n.source_id, excluded.source_id)`,
    [
      ...[work.queue, target.table],
      ...[noted.map(({ shard }) => shard), noted.map(nameOf), noted.map(({ id }) => id)],
      noted.map(({ sourceId }) => sourceId ?? null),
    ],
  );
}
