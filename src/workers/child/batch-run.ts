// Decides how a batch is handled: as a whole, in one transaction; in parts, where too many of its events fail for one
// transaction; in slices, where a rate or the breaker allows only a few events at a time, where the
// transaction fails though no call did, and where the batch has killed workers or lost the connection before.
//
// Invariant: the effects of an event, what became of it, and the end of the batch (or of its part) commit together, under
// the token; a worker that has lost the token commits nothing.
// Fails by: any error before the commit leaves nothing. An error that is verified as central's trouble ends the run: the
// batch is handed out again, its openings are counted, and it goes on behind the last part.
import type { Connection } from '../../postgres/connection.ts';
import type { CoopBatch } from '../../queue/coop.ts';
import { Attempt } from './batch/attempt.ts';
import { KeyPaused } from './batch/key-paused.ts';
import { inSlices } from './batch/slices.ts';
import { asAWhole } from './batch/whole.ts';
import type { BatchEnvironment, BatchResult } from './batch-environment.ts';
import { Abandoned } from './call/handler-call.ts';
import { runFree } from './free/run.ts';
import { assertOfEvents } from './narrowing/central-trouble.ts';
import { progressOf } from './narrowing/narrowing.ts';
import { suspicionOf } from './narrowing/suspicion.ts';
import { TooManySavepoints } from './transaction/batch-transaction.ts';
import { endWith } from './transaction/session.ts';
import { Tripped } from './tries/probing.ts';

export async function runBatch(
  connection: Connection,
  batch: CoopBatch,
  given: BatchEnvironment,
): Promise<BatchResult> {
  const environment = await withoutVainRead(connection, batch, given);
  if (environment.handler.transaction === false) return await runFree({ connection, batch, environment });
  await environment.constraints.look(connection);
  const tries = new Tries(new Attempt(connection, batch, environment));
  try {
    return await run(tries);
  } catch (error) {
    const blame = error instanceof Abandoned ? error.blame : undefined;
    if (connection.failed && !environment.stopNow.aborted)
      environment.losses.note(batch, tries.current.atWork, error, blame);
    throw error;
  }
}

/** What was read with the opening counts only for a batch that goes in one transaction from its first event on. */
async function withoutVainRead(
  connection: Connection,
  batch: CoopBatch,
  environment: BatchEnvironment,
): Promise<BatchEnvironment> {
  const { first, losses, record } = environment;
  if (first === undefined) return environment;
  const isPlain = batch.openings === 1 && losses.of(batch) === undefined && !record.breaker.isOpen;
  if (isPlain) return environment;
  await endWith('rollback', connection);
  return { ...environment, first: undefined };
}

/** Each try has its own book of outcomes: they are rolled back with it. */
class Tries {
  current: Attempt;

  constructor(first: Attempt) {
    this.current = first;
  }

  again(): Attempt {
    this.current = this.current.again();
    return this.current;
  }
}

async function run(tries: Tries): Promise<BatchResult> {
  const { batch, connection, environment } = tries.current;
  const { isSuspected, call } = suspicionOf(batch, environment.suspect);
  const loss = environment.losses.of(batch);
  if (isSuspected) return await inSlices(tries.current, { isSuspected, call, loss });
  // No transaction may be open while the rate or a probe is waited for, so each part that it allows is one of its own.
  if (environment.rate !== undefined || loss !== undefined || environment.record.breaker.isOpen)
    return await inSlices(tries.current, { isSuspected, loss });
  try {
    return await asAWholeOrInParts(tries);
  } catch (error) {
    if (!(error instanceof Tripped))
      await assertOfEvents(error, { connection, batch, stopNow: environment.stopNow });
    return await inSlices(tries.again(), { isSuspected });
  }
}

async function asAWholeOrInParts(tries: Tries): Promise<BatchResult> {
  const { batch, connection, environment } = tries.current;
  const progress = () => progressOf(connection, environment.membership, batch);
  let afterId = batch.openings > 1 ? await progress() : undefined;
  let isFailing = afterId !== undefined;
  for (let isLast = false; ; ) {
    try {
      return await asAWhole(tries.current, { afterId, isFailing });
    } catch (error) {
      if (error instanceof KeyPaused) {
        afterId = error.lastEventId;
      } else if (error instanceof TooManySavepoints && !isLast) {
        await endWith('rollback', connection);
        afterId = await progress();
        isFailing = isLast = true;
      } else throw error;
      tries.again();
    }
  }
}
