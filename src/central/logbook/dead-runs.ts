// Retries of dead events that go on for a while, as central knows them: so every host shows them, and any can stop them.
import type { CallOptions } from '../../postgres/connection.ts';
import type { CentralLink } from '../central-link.ts';

type Asking = Pick<CentralLink, 'query'>;

/** Dead events of one queue, kind and error that are handed out again, one after the other. */
export interface DeadRun {
  readonly queue: string;
  readonly kind: string;
  readonly error: string;
  /** Whose process does it. */
  readonly host: string;
  readonly done: number;
  readonly events: number;
  readonly perSecond: number;
}

/** Dead events that are alike. */
export type AlikeDead = Pick<DeadRun, 'queue' | 'kind' | 'error'>;

const COLUMNS = 'central_queue as queue, kind, error, host, done, events, per_second as "perSecond"';

/** Says how far it is; the first time it begins. @returns whether somebody wants it to stop. */
export async function beatDeadRun(central: Asking, id: string, run: DeadRun): Promise<boolean> {
  const { queue, kind, error, host, done, events, perSecond } = run;
  const [row] = await central.query<{ stop: boolean }>('select tributary.dead_run_beat($1, $2, $3) as stop', [
    id,
    JSON.stringify({ queue, kind, error, host, events, per_second: perSecond }),
    done,
  ]);
  return row?.stop === true;
}

export async function endDeadRun(central: Asking, id: string): Promise<void> {
  await central.query('select tributary.dead_run_end($1)', [id]);
}

/** @param silentMs one that was not heard of for this long has ended with its process. */
export async function readDeadRuns(
  central: Asking,
  silentMs: number,
  options: CallOptions = {},
): Promise<DeadRun[]> {
  return await central.query<DeadRun>(
    `select ${COLUMNS} from tributary.dead_runs($1 * interval '1 millisecond')`,
    [silentMs],
    options,
  );
}

/** Its process ends it with the next beat. @returns undefined: none is under way. */
export async function stopDeadRun(
  central: Asking,
  { queue, kind, error }: AlikeDead,
  silentMs: number,
): Promise<DeadRun | undefined> {
  const [run] = await central.query<DeadRun>(
    `select ${COLUMNS} from tributary.dead_run_stop($1, $2, $3, $4 * interval '1 millisecond')`,
    [queue, kind, error, silentMs],
  );
  return run;
}
