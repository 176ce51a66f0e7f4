// What central says before changes are applied: the tables as they are now, and whether changes may come late.
//
// Invariant: inside a transaction in which an event has failed, and while events of the queue wait to be tried again or are dead,
// account is kept of what is applied, until an event is at hand that came in behind all of those.
import type { AppliedTable, OriginColumn } from '../config/config.ts';
import type { PgClient } from '../postgres/connection.ts';
import { type Target, type TargetFacts, tableSql, targetOf } from './target.ts';

export interface AppliedWork {
  /** The central queue, and the consumer of it whose worker this is. */
  readonly queue: string;
  readonly group: string;
  /** Where events carry their origin. */
  readonly origin: OriginColumn;
}

/** What of an event is asked about, in the order of their ids. */
interface ApplyingEvent {
  readonly id: number;
  readonly shard: string;
  readonly isLate: boolean;
}

interface Answer {
  /** Of the transaction. */
  readonly at: string;
  readonly late: boolean;
  readonly tables: readonly (TargetFacts | null)[];
}

export class ApplyLook {
  readonly #tables: readonly AppliedTable[];
  readonly #work: AppliedWork;
  #answer: Answer | undefined;
  /** The transaction in which a call failed last: its failures are not written yet. */
  #failedAt: string | undefined;

  constructor(tables: readonly AppliedTable[], work: AppliedWork) {
    this.#tables = tables;
    this.#work = work;
  }

  /** Asks central; copies of rows that are under way wait for the end of the transaction from here on. */
  async at(client: PgClient, events: readonly ApplyingEvent[]): Promise<void> {
    const { queue, group } = this.#work;
    const newest = events.some(({ isLate }) => isLate) ? null : events.at(-1)?.id;
    const { rows } = await client.query<{ look: Answer }>(
      'select tributary.apply_look($1, $2, $3, $4, $5, $6, $7) as look',
      [
        ...[queue, group, this.#tables.map(({ table }) => tableSql(table)), this.#failedAt ?? null],
        ...[[...new Set(events.map(({ shard }) => shard))], this.#tables.map(({ table }) => table)],
        newest ?? null,
      ],
    );
    this.#answer = rows[0]?.look;
  }

  /** @throws TributaryError where the table does not fit. */
  target(applied: AppliedTable): Target {
    return targetOf(applied, this.#answer?.tables[this.#tables.indexOf(applied)] ?? undefined);
  }

  /** A call of this transaction has failed: its events come again, behind those that follow now. */
  failed(): void {
    this.#failedAt = this.#answer?.at ?? this.#failedAt;
  }

  get keepsAccount(): boolean {
    return this.#answer?.late === true;
  }
}
