// Writes what became of single events, in the batch's transaction, as many at a time as fit into one statement.
import { resultMessage } from '../../../channels/message.ts';
import type { BatchEvent } from '../../../handler/event.ts';
import type { CoopBatch, CoopMember } from '../../../queue/coop.ts';
import type { BatchTransaction } from '../transaction/batch-transaction.ts';
import type { Outcomes } from './outcomes.ts';

/** Events of one statement, and about how many bytes of them; a single event may be larger. */
const EVENTS_A_STATEMENT = 1_000;
const MOST_BYTES = 8_000_000;

/** Where the transaction ends in the batch. */
export interface SettledPart {
  readonly batch: Pick<CoopBatch, 'token' | 'isPausing'>;
  /** Undefined: with its last event. */
  readonly lastEventId: number | undefined;
  /** Somebody may wait for what becomes of each event. */
  readonly hasResults?: boolean;
}

export async function writeOutcomes(
  transaction: BatchTransaction,
  { queue, group }: CoopMember,
  { putOff, dead, recovered }: Outcomes,
  { batch, lastEventId, hasResults = false }: SettledPart,
): Promise<void> {
  for (const some of inStatements(putOff)) {
    const rows = some.map(({ event, retry, attempts, afterMs, error }) => ({
      ...fieldsOf(event),
      ...{ retry, attempts, after_ms: afterMs, error },
    }));
    const behind = batch.isPausing ? [batch.token, lastEventId ?? null] : [null, null];
    await transaction.query('select tributary.put_off($1, $2, $3, $4, $5)', [
      ...[queue, group, JSON.stringify(rows)],
      ...behind,
    ]);
  }
  for (const some of inStatements(dead)) {
    const rows = some.map(({ event, ...fate }) => ({ ...fieldsOf(event), ...fate }));
    await transaction.query('select tributary.bury($1, $2, $3)', [queue, group, JSON.stringify(rows)]);
    if (hasResults)
      await transaction.publish(
        some.map(({ event, error }) => resultMessage(String(event.origin), { ok: false, error })),
      );
  }
  if (recovered.length > 0)
    await transaction.query('select tributary.retried($1, $2, $3)', [queue, group, recovered]);
}

function* inStatements<Fate extends { readonly event: BatchEvent }>(
  fates: readonly Fate[],
): Generator<Fate[]> {
  let some: Fate[] = [];
  let bytes = 0;
  for (const fate of fates) {
    const { size } = fate.event.row;
    if (some.length > 0 && (some.length >= EVENTS_A_STATEMENT || bytes + size > MOST_BYTES)) {
      yield some;
      some = [];
      bytes = 0;
    }
    some.push(fate);
    bytes += size;
  }
  if (some.length > 0) yield some;
}

/** The fields that `tributary.put_off` and `tributary.bury` read. */
function fieldsOf(event: BatchEvent) {
  const { id, row, type, data, extra1, extra2, extra3, extra4, origin } = event;
  return { id, time: row.timeText, type, data, extra1, extra2, extra3, extra4, origin: String(origin) };
}
