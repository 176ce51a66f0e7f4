// Opens the next batch, begins its transaction and reads it where it is small, in one message: for a worker that was woken, which will
// probably find a batch with a few events.
//
// Invariant: the batch is handed out in a transaction of its own, which has committed before that of the batch begins.
// Fails by: an error behind that commit leaves the batch open; the error that is thrown knows its token.
import { TIMING } from '../../../lifecycle/timing.ts';
import type { Connection } from '../../../postgres/connection.ts';
import { CopyOutScript, type TextRows } from '../../../postgres/copy-out-script.ts';
import { type CoopBatch, type CoopMember, nextBatchSql, toBatch } from '../../../queue/coop.ts';
import { beginSql } from '../transaction/batch-transaction.ts';
import { ALL_BYTES, FEW_COPY, type FirstRead, READ } from './batch-reader.ts';

/** The token that the first transaction has left; null where there was no batch. */
const TOKEN = "nullif(current_setting('tributary.batch'), '')::bigint";
/** Which statement of the message is the hand-out, and which one the estimate. */
const HAND_OUT = 1;
const ESTIMATE = -2;

/** The batch was opened, and not read. */
export class OpenedOnly extends Error {
  readonly token: number;

  constructor(cause: unknown, token: number) {
    super('A batch was opened and could not be read.', { cause });
    this.token = token;
  }
}

export interface OpenAndReadOptions extends CoopMember {
  readonly minCount: number;
  readonly idleLimitMs: number;
}

/** @returns undefined where there is no batch; else a transaction is open, in which the events may have been read. */
export async function openAndRead(
  connection: Connection,
  { minCount, idleLimitMs, ...member }: OpenAndReadOptions,
): Promise<{ batch: CoopBatch; first: FirstRead } | undefined> {
  const next = nextBatchSql(member, { minCount });
  const text = [
    'begin',
    `select n.*, set_config('tributary.batch', coalesce(n.batch_id::text, ''), false) from (${next}) n`,
    'commit',
    beginSql(TOKEN, idleLimitMs),
    READ(TOKEN),
    FEW_COPY,
  ].join('; ');
  const { results, bytes } = await run(connection, text);
  const batch = batchOf(results);
  if (batch === undefined) {
    await connection.script('rollback');
    return undefined;
  }
  const [[estimate] = []] = results.at(ESTIMATE) ?? [];
  // Without an estimate nothing was read.
  if (estimate === null || estimate === undefined) return { batch, first: { estimate: 0, bytes: undefined } };
  return { batch, first: { estimate: Number(estimate), bytes } };
}

function run(
  connection: Connection,
  text: string,
): Promise<{ results: readonly TextRows[]; bytes: Buffer | undefined }> {
  const timer = setTimeout(() => connection.destroy(), TIMING.worker.answerMs);
  return new Promise<{ results: readonly TextRows[]; bytes: Buffer | undefined }>((resolve, reject) => {
    const end = {
      resolve: (results: readonly TextRows[], bytes: Buffer | undefined) => resolve({ results, bytes }),
      reject: (error: Error, results: readonly TextRows[]) => {
        const token = batchOf(results)?.token;
        reject(token === undefined ? error : new OpenedOnly(error, token));
      },
    };
    connection.client.query(new CopyOutScript(text, ALL_BYTES, end));
  }).finally(() => clearTimeout(timer));
}

function batchOf(results: readonly TextRows[]): CoopBatch | undefined {
  const [row] = results[HAND_OUT] ?? [];
  return row && toBatch(row);
}
