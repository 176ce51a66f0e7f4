// Refuses a central whose ticks are ahead of its server's transaction ids, as after a restore into a younger server.
import { TributaryError } from '../../errors/tributary-error.ts';
import { fewerXids, missingXidsSql } from '../../queue/ahead.ts';
import type { CentralLink } from '../central-link.ts';

/** @throws retryable, with the remedy, where they are: work waits until the ids are raised. */
export async function refuseYounger(link: CentralLink): Promise<void> {
  const [row] = await link.query<{ missing: number }>(`select ${missingXidsSql('pgq')} as missing`);
  if (row === undefined || row.missing <= 0) return;
  throw new TributaryError(`Central cannot be worked with: ${fewerXids(row.missing)}.`, {
    code: 'younger-server',
    kind: 'retryable',
  });
}
