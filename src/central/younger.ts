// Whether central's server has given out fewer transaction ids than its ticks know, as after a restore into a younger one.
import { TributaryError } from '../errors/tributary-error.ts';
import { fewerXids, missingXidsSql } from '../queue/ahead.ts';
import type { CentralLink } from './central-link.ts';

/** @throws retryable, with what to do, where it has: whoever works waits until the ids are raised. */
export async function refuseYounger(link: CentralLink): Promise<void> {
  const [row] = await link.query<{ missing: number }>(`select ${missingXidsSql('pgq')} as missing`);
  if (row === undefined || row.missing <= 0) return;
  throw new TributaryError(`Central cannot be worked with: ${fewerXids(row.missing)}.`, {
    code: 'younger-server',
    kind: 'retryable',
  });
}
