// Retries of dead events that go on for a while, as central knows them: so every host shows them, and any can stop them.
import type { CallOptions } from '../../postgres/connection.ts';
import type { CentralLink } from '../central-link.ts';
import type { SeenDeadRun } from './dead-run.ts';

type Asking = Pick<CentralLink, 'query'>;

const COLUMNS =
  'id, central_queue as queue, kind, error, what, host, who, done, events, per_second as "perSecond"';

/** Says how far it is; the first time it begins. @returns whether somebody wants it to stop. */
export async function beatDeadRun(central: Asking, { id, done, ...run }: SeenDeadRun): Promise<boolean> {
  const { perSecond, ...others } = run;
  const [row] = await central.query<{ stop: boolean }>('select tributary.dead_run_beat($1, $2, $3) as stop', [
    id,
    JSON.stringify({ ...others, per_second: perSecond }),
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
): Promise<SeenDeadRun[]> {
  return await central.query<SeenDeadRun>(
    `select ${COLUMNS} from tributary.dead_runs($1 * interval '1 millisecond')`,
    [silentMs],
    options,
  );
}

/** Its process ends it with the next beat. @returns undefined: it is not under way. */
export async function stopDeadRun(
  central: Asking,
  id: string,
  silentMs: number,
): Promise<SeenDeadRun | undefined> {
  const [run] = await central.query<SeenDeadRun>(
    `select ${COLUMNS} from tributary.dead_run_stop($1, $2 * interval '1 millisecond')`,
    [id, silentMs],
  );
  return run;
}
