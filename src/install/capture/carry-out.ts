// Gives tables of one shard their triggers, or takes them off: a transaction for each table.
//
// Invariant: a table is waited for only for a moment at a time: behind a statement that waits for a lock, all writers of the
// table would wait too. Where it is in use for long, this table is left out, and said.
// Fails by: what was done stays done; the next run goes on from there.
import { sentenceFor } from '../../errors/sentence.ts';
import { sqlstateOf } from '../../errors/sqlstate.ts';
import { retry } from '../../lifecycle/retry.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import type { Connection } from '../../postgres/connection.ts';
import type { CaptureWork } from './plan.ts';

export interface CaptureDone {
  readonly did: readonly string[];
  /** A sentence for each that was not. */
  readonly failures: readonly string[];
}

const ATTEMPTS = 8;
/** A lock that was not to be had, a deadlock, or another install that did the same at that moment. */
const PASSING = ['55P03', '40P01', '40001', '23505', '42710', 'XX000'];

export async function carryOutCapture(
  connection: Connection,
  work: readonly CaptureWork[],
  place: string,
): Promise<CaptureDone> {
  const did: string[] = [];
  const failed: string[] = [];
  for (const { what, sql } of work) {
    try {
      await retry(() => transaction(connection, sql), {
        backoff: TIMING.install.captureLocks,
        onFailure(error, { failures }) {
          if (connection.failed || failures >= ATTEMPTS || !PASSING.includes(sqlstateOf(error) ?? ''))
            throw error;
        },
      });
      did.push(what);
    } catch (error) {
      failed.push(`${place}: did not ${what}. ${whyNot(error, place)}`);
      if (connection.failed) break;
    }
  }
  return { did, failures: failed };
}

async function transaction(connection: Connection, sql: string): Promise<void> {
  try {
    await connection.script(
      `begin isolation level read committed;
set local lock_timeout = ${TIMING.install.captureLockMs};
${sql}
commit`,
      { timeoutMs: TIMING.install.stepMs },
    );
  } catch (error) {
    if (!connection.failed) await connection.query('rollback');
    throw error;
  }
}

function whyNot(error: unknown, place: string): string {
  if (sqlstateOf(error) !== '55P03') return sentenceFor(error, place);
  return 'The table was in use all the time: see who holds it (`tributary doctor`), and run this again.';
}
