// Notes what an operator does, in the transaction that does it.
//
// Invariant: nothing is done without its note, and where nothing was changed none is written.
import type { Connection } from '../../postgres/connection.ts';
import { literal } from '../../postgres/quote.ts';
import type { CentralLink } from '../central-link.ts';

/** Who acts, and from where. */
export interface Operator {
  readonly who: string;
  readonly via: 'cli' | 'page';
}

export interface Note {
  readonly kind:
    | 'pause'
    | 'resume'
    | 'scale'
    | 'reload'
    | 'repair'
    | 'dead-retry'
    | 'dead-discard'
    | 'delayed-cancel'
    | 'delayed-now'
    | 'schedule-run'
    | 'schedule-pause'
    | 'schedule-resume'
    | 'shard-rename'
    | 'shard-retire'
    | 'shard-split'
    | 'shard-merge'
    | 'shard-move'
    | 'queue-add'
    | 'queue-retire'
    | 'group-remove'
    | 'lane'
    | 'capture';
  /** Central queues that it concerns; undefined: all. */
  readonly queues?: readonly string[] | undefined;
  /** A sentence without its subject: `paused 3 sources of orders.` */
  readonly what: string;
}

/** Calls `work` in a transaction, with the note that it gives; undefined: nothing was changed. */
export async function noted<T>(
  link: Pick<CentralLink, 'use'>,
  operator: Operator,
  work: (central: Connection) => Promise<{ readonly result: T; readonly note: Note | undefined }>,
): Promise<T> {
  return await link.use(async (central) => {
    await central.script('begin isolation level read committed');
    try {
      const { result, note } = await work(central);
      if (note !== undefined) await central.query(`select ${noteSql(operator, note)}`);
      await central.script('commit');
      return result;
    } catch (error) {
      if (!central.failed) await central.script('rollback').catch(() => {});
      throw error;
    }
  });
}

/** The call, for a select inside another transaction. */
export function noteSql({ who, via }: Operator, { kind, queues, what }: Note): string {
  const names = queues === undefined ? 'null' : `array[${queues.map(literal).join(', ')}]::text[]`;
  return `tributary.log_note(${literal(who)}, '${via}', '${kind}', ${names}, ${literal(what)})`;
}

/** Notes what happened, and nobody did: shown as a mark in the charts. */
export async function noteHappening(
  central: Connection,
  { kind, what }: { readonly kind: 'take-over'; readonly what: string },
): Promise<void> {
  await central.query("select tributary.log_note(null, 'program', $1, null, $2)", [kind, what]);
}
