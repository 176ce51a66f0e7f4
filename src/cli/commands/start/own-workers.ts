// The workers of `tributary start`, with what is logged and counted of them.
import type { Config } from '../../../config/config.ts';
import { workedIn } from '../../../config/worked.ts';
import type { Fleet } from '../../../fleet/fleet.ts';
import { type Part, workersPart } from '../../../http/health/parts.ts';
import { packageVersion } from '../../../lifecycle/package-root.ts';
import { WorkerMetrics } from '../../../observability/metrics/of-workers.ts';
import { logWorkers } from '../../../observability/worker-log.ts';
import { WorkerPool } from '../../../workers/primary/pool.ts';
import type { ServiceContext } from '../../context.ts';

export interface OwnWorkers {
  readonly pool: WorkerPool;
  readonly part: Part;
}

/** Undefined where the file only forwards. */
export function newWorkers(
  config: Config,
  host: string,
  { context: { log, stderr }, fleet }: { readonly context: ServiceContext; readonly fleet: Fleet },
): OwnWorkers | undefined {
  const queues = workedIn(config).map(({ name }) => name);
  if (queues.length === 0) return undefined;
  const metrics = new WorkerMetrics(queues);
  const logged = logWorkers(log);
  const pool = new WorkerPool({
    config,
    host,
    version: packageVersion(),
    file: fleet,
    onOccurrence: (occurrence) => {
      logged(occurrence);
      metrics.note(occurrence);
    },
    log: { level: log.level, isPretty: stderr.isTTY === true },
  });
  return { pool, part: workersPart(pool, metrics) };
}
