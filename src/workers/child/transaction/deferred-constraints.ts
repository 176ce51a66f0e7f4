// Constraints of central that are checked only at the commit, where a violation can no longer be attributed to an event.
//
// Invariant: `check` checks them now and leaves each one deferred or not as its definition says.
// Fails by: a constraint that was made within the last minute is not known; its violation fails the commit, and the event is
// found in smaller transactions.
import { TIMING } from '../../../lifecycle/timing.ts';
import type { Connection } from '../../../postgres/connection.ts';

const LOOK = `
select coalesce(bool_or(c.condeferred), false) as deferred,
       array_to_string(array_agg(distinct format('%I.%I', n.nspname, c.conname))
                         filter (where not c.condeferred and c.conparentid = 0
                                   and has_schema_privilege(n.oid, 'usage')), ', ') as immediate,
       count(*) > 0 as any
  from pg_catalog.pg_constraint c
  join pg_catalog.pg_namespace n on n.oid = c.connamespace
 where c.condeferrable`;

export class DeferredConstraints {
  #lookedMs = Number.NEGATIVE_INFINITY;
  #check = '';

  /** Statements for a transaction; empty where the database has no such constraint. */
  get check(): string {
    return this.#check;
  }

  /** Between transactions: reads which there are, now and then. */
  async look(connection: Connection): Promise<void> {
    if (performance.now() - this.#lookedMs < TIMING.worker.constraintsEveryMs) return;
    const [row] = await connection.query<{ deferred: boolean; immediate: string | null; any: boolean }>(LOOK);
    this.#lookedMs = performance.now();
    this.#check = row === undefined ? '' : checkOf(row);
  }
}

interface Found {
  readonly any: boolean;
  /** Some are deferred by default. */
  readonly deferred: boolean;
  /** The deferrable ones that are not deferred by default, by name. */
  readonly immediate: string | null;
}

function checkOf({ any, deferred, immediate }: Found): string {
  if (!any) return '';
  const statements = ['set constraints all immediate'];
  if (deferred) statements.push('set constraints all deferred');
  if (deferred && immediate !== null) statements.push(`set constraints ${immediate} immediate`);
  return statements.join('; ');
}
