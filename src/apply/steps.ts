// From the events of a call to the steps of each table that changes are applied to. Pure.
import type { AppliedTable } from '../config/config.ts';
import type { Origin } from '../handler/contract.ts';
import { type Change, type ChangeEvent, readChange } from './change.ts';
import type { KeyStep, Truncation } from './fold.ts';
import type { RowText } from './row-text.ts';
import { isSource, type Target, unfit } from './target.ts';

export interface AppliedEvent extends ChangeEvent {
  readonly origin: Origin;
  /** That of its origin. */
  readonly shard: string;
  /** Its time as PostgreSQL writes it. */
  readonly timeText: string;
  /** The id that it had on the shard: it grows from change to change of a row. Undefined: its origin does not say. */
  readonly sourceId: number | undefined;
  /** It was put off before, or was dead: later changes of its key may have been applied meanwhile. */
  readonly isLate: boolean;
}

export interface ReadEvent {
  readonly event: AppliedEvent;
  readonly change: Change;
  readonly applied: AppliedTable;
}

export type TableStep = (KeyStep | Truncation) & Pick<AppliedEvent, 'sourceId' | 'isLate'>;

/** @throws TributaryError for an event that is no change, or one of a table that nothing is said about. */
export function readEvents(events: readonly AppliedEvent[], tables: readonly AppliedTable[]): ReadEvent[] {
  const bySource = new Map<string, AppliedTable | undefined>();
  return events.map((event) => {
    const change = readChange(event);
    const { table } = change;
    if (!bySource.has(table))
      bySource.set(
        table,
        tables.find((one) => isSource(one, table)),
      );
    const applied = bySource.get(table);
    if (applied === undefined)
      throw unfit(
        `Event ${event.id} is a change of ${change.table}, which no \`apply\` of the queue names as its source.`,
        `Add it, or leave such events out by \`where: "ev_extra1 <> '${change.table}'"\`.`,
      );
    return { event, change, applied };
  });
}

/** The steps of one table. @throws TributaryError for a change that does not fit the table. */
export function stepsFor(target: Target, read: readonly ReadEvent[]): TableStep[] {
  const steps: TableStep[] = [];
  for (const { event, change } of read) {
    const { id, shard, sourceId, isLate } = event;
    const of = { id, shard, sourceId, isLate };
    if (change.op === 'truncate') {
      steps.push({ ...of, isTruncate: true });
      continue;
    }
    const time = target.time === undefined ? '' : event.timeText;
    const key = keyOf(target, change.row, event);
    if (change.op === 'delete') {
      steps.push({ ...of, time, key });
      continue;
    }
    mustFit(target, change.row, event);
    const former = change.before === undefined ? key : keyOf(target, change.before, event);
    // A row that changes its key leaves its old place.
    if (former.some((text, at) => text !== key[at])) steps.push({ ...of, time, key: former });
    steps.push({ ...of, time, key, row: change.row });
  }
  return steps;
}

function keyOf(target: Target, row: RowText, event: AppliedEvent): string[] {
  return target.ownKey.map(({ name }) => {
    const text = row.get(name);
    if (text !== undefined && text !== null) return text;
    throw unfit(
      `Event ${event.id} (origin ${event.origin}) has no value for ${name}, a column of the key of ${target.table}.`,
      'Name a key whose columns the shards capture and never leave empty: `key:` of `apply`.',
    );
  });
}

function mustFit(target: Target, row: RowText, { shard }: AppliedEvent): void {
  for (const name of row.keys()) {
    if (target.ignore.includes(name)) continue;
    if (name === target.shard)
      throw unfit(
        `Shard ${shard} has a column ${name} of its own in ${target.source}, and the one of ${target.table} takes the shard's name.`,
        'Name another column by `shard:` of `apply`.',
      );
    if (!target.columns.has(name))
      throw unfit(
        `Shard ${shard} has a column ${name} in ${target.source} that table ${target.table} of central does not have.`,
        `Run \`alter table ${target.sql} add column …\` on central, or leave it out by \`ignore: [${name}]\` of \`apply\`.`,
      );
  }
}
