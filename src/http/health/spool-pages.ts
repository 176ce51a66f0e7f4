// The pages `/livez`, `/readyz` and `/metrics` of `tributary spool`: no database is asked for them.
import { EXPOSITION_TYPE, exposition } from '../../observability/metrics/exposition.ts';
import { gauge, together } from '../../observability/metrics/figures.ts';
import { buildFigures, processFigures } from '../../observability/metrics/of-process.ts';
import type { SpoolWaiting } from '../../spool/waiting.ts';
import type { Page } from '../server/server.ts';
import { jsonPage } from './json-page.ts';
import { stillReasons } from './readiness.ts';

export interface SpoolNow {
  readonly folder: string;
  /** Events, since the process began. */
  readonly delivered: number;
  /** What keeps events in the spool now, a sentence each. */
  readonly troubles: readonly string[];
  readonly waiting: SpoolWaiting;
}

/**
 * @param now what is to be shown, when it is asked for.
 * @param still the loops that stand still.
 */
export function spoolPages(
  now: () => SpoolNow,
  still: () => readonly string[],
): Readonly<Record<string, () => Page>> {
  return {
    '/livez': () => {
      const reasons = stillReasons(still());
      return jsonPage(reasons.length === 0, { alive: reasons.length === 0, reasons });
    },
    '/readyz': () => {
      const { folder, troubles } = now();
      const ofSpool = troubles.map((sentence) => ({ of: 'spool', names: [folder], sentence }));
      const reasons = [...stillReasons(still()), ...ofSpool];
      return jsonPage(reasons.length === 0, { ready: reasons.length === 0, reasons });
    },
    '/metrics': () => {
      const { delivered, troubles, waiting } = now();
      const own = {
        tributary_spool_delivered_events_total: gauge([[], delivered]),
        tributary_spool_bytes: gauge([[], waiting.bytes]),
        tributary_spool_oldest_event_age_seconds: gauge([[], waiting.oldestSeconds]),
        tributary_spool_troubles: gauge([[], troubles.length]),
        tributary_spool_damaged_files: gauge([[], waiting.damaged]),
      };
      const body = exposition(together([buildFigures(), processFigures('spool'), own]));
      return { status: 200, type: EXPOSITION_TYPE, body };
    },
  };
}
