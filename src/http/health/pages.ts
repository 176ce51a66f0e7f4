// The pages `/livez`, `/readyz` and `/metrics`: about this process, and about what its host is responsible for.
//
// Invariant: `/livez` asks no database, and `/metrics` only on the member that holds central's upkeep.
import type { Config } from '../../config/config.ts';
import { sentenceFor } from '../../errors/sentence.ts';
import { EXPOSITION_TYPE, exposition } from '../../observability/metrics/exposition.ts';
import { type Figures, gauge, together } from '../../observability/metrics/figures.ts';
import { centralFigures } from '../../observability/metrics/of-central.ts';
import { buildFigures } from '../../observability/metrics/of-process.ts';
import type { SlowFigures } from '../../observability/metrics/read-slow.ts';
import type { LagView } from '../lag-view.ts';
import type { Page } from '../server/server.ts';
import { jsonPage } from './json-page.ts';
import type { Part } from './parts.ts';
import { type Duties, type Readiness, readinessOf, reason, stillReasons } from './readiness.ts';

export interface Shown {
  readonly config: Config;
  readonly duties: Duties;
  readonly parts: readonly Part[];
  readonly view: Pick<LagView, 'report'>;
  readonly slow: Pick<SlowFigures, 'figures'>;
}

export function pagesOf(shown: Shown): Readonly<Record<string, () => Page | Promise<Page>>> {
  return {
    '/livez': () => {
      const reasons = stillReasons(stillOf(shown));
      return jsonPage(reasons.length === 0, { alive: reasons.length === 0, reasons });
    },
    '/readyz': async () => {
      const { at, reasons, onPurpose } = await look(shown);
      const all = [...stillReasons(stillOf(shown)), ...reasons];
      return jsonPage(all.length === 0, {
        ready: all.length === 0,
        at: at?.toISOString() ?? null,
        reasons: all,
        on_purpose: onPurpose,
      });
    },
    '/metrics': async () => ({
      status: 200,
      type: EXPOSITION_TYPE,
      body: exposition(await allFigures(shown)),
    }),
  };
}

const stillOf = ({ parts }: Shown): string[] => parts.flatMap(({ still }) => still);

async function look({ config, duties, view }: Shown): Promise<Readiness & { at?: Date }> {
  try {
    const report = await view.report();
    return { at: report.at, ...readinessOf(report, duties, config) };
  } catch (error) {
    const central = reason('central', ['central'], { sentence: sentenceFor(error, 'Central') });
    return { reasons: [central], onPurpose: [] };
  }
}

async function allFigures(shown: Shown): Promise<Figures> {
  const own = [buildFigures(), ...shown.parts.map(({ figures }) => figures)];
  const ofCentral = shown.parts.some(({ holdsCentral }) => holdsCentral)
    ? await figuresOfCentral(shown)
    : undefined;
  const exported = { tributary_central_exported: gauge([[], Number(ofCentral !== undefined)]) };
  return together([...own, exported, ofCentral ?? {}]);
}

/** Undefined where central does not answer. */
async function figuresOfCentral({ config, view, slow }: Shown): Promise<Figures | undefined> {
  const queues = config.queues.map(({ name }) => name);
  try {
    const isPerSource = config.metrics.perSource;
    const [report, others] = await Promise.all([view.report(), slow.figures()]);
    return { ...centralFigures(report, { queues, isPerSource }), ...others };
  } catch {
    return undefined;
  }
}
