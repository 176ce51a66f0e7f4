// The pages `/livez`, `/readyz` and `/metrics` of `tributary spool`: no database is asked for them.
import { EXPOSITION_TYPE, exposition } from '../../observability/metrics/exposition.ts';
import { gauge, together } from '../../observability/metrics/figures.ts';
import { buildFigures, processFigures } from '../../observability/metrics/of-process.ts';
import type { SpoolWaiting } from '../../spool/waiting.ts';
import type { Page } from '../server/server.ts';
import { jsonPage } from './json-page.ts';

export interface SpoolNow {
  readonly folder: string;
  /** Events, since the process began. */
  readonly delivered: number;
  /** What keeps events in the spool now, a sentence each. */
  readonly troubles: readonly string[];
  readonly waiting: SpoolWaiting;
}

/** @param now what is to be shown, when it is asked for. */
export function spoolPages(now: () => SpoolNow): Readonly<Record<string, () => Page>> {
  return {
    '/livez': () => jsonPage(true, { alive: true, reasons: [] }),
    '/readyz': () => {
      const { folder, troubles } = now();
      const reasons = troubles.map((sentence) => ({ of: 'spool', names: [folder], sentence }));
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
