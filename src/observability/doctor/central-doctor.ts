// What central's view alone shows to be wrong: no shard is asked. Cheap enough for once a second.
import type { Config } from '../../config/config.ts';
import type { LagReport } from '../lag/report.ts';
import { diagnosis, worstFirst } from './causes.ts';
import type { Diagnosis } from './diagnosis.ts';
import { queueDiagnoses } from './judge-queues.ts';
import { sourceDiagnoses } from './judge-sources.ts';

/** From a report alone, the worst first. Pure. */
export function diagnosesOf(report: LagReport, { queues }: Pick<Config, 'queues'>): Diagnosis[] {
  const { at, sources, central, filesDiffer } = report;
  return worstFirst([
    ...sourceDiagnoses(sources),
    ...queueDiagnoses(central, { queues, at }),
    ...(filesDiffer === undefined
      ? []
      : [diagnosis('files-differ', ['hosts'], { severity: 'risk', sentence: filesDiffer })]),
  ]);
}
