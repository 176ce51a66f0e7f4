// The parts of a process that the pages show: a mover, or the workers of a host.
import { TIMING } from '../../lifecycle/timing.ts';
import type { SeenLoop } from '../../lifecycle/watchdog.ts';
import type { Mover } from '../../mover/mover.ts';
import { type Figures, together } from '../../observability/metrics/figures.ts';
import type { MoverMetrics } from '../../observability/metrics/of-mover.ts';
import { processFigures } from '../../observability/metrics/of-process.ts';
import type { WorkerMetrics } from '../../observability/metrics/of-workers.ts';
import type { WorkerPool } from '../../workers/primary/pool.ts';
import { Liveness } from './liveness.ts';

export interface Part {
  /** The loops that stand still, each in words. */
  readonly still: readonly string[];
  /** It holds central's upkeep: so it exports central's metrics. */
  readonly holdsCentral: boolean;
  readonly figures: Figures;
}

export function moverPart(mover: Mover, metrics: MoverMetrics): Part {
  const liveness = watch(() => mover.loops);
  return {
    get still() {
      return liveness.still;
    },
    get holdsCentral() {
      return mover.holdsCentral;
    },
    get figures() {
      const load = { shardsHeld: mover.shards.length, budget: mover.budget };
      return together([processFigures('mover'), metrics.figures(load)]);
    },
  };
}

/** A process around what runs. */
export function processPart(role: 'start' | 'work'): Part {
  return {
    still: [],
    holdsCentral: false,
    get figures() {
      return processFigures(role);
    },
  };
}

export function workersPart(pool: WorkerPool, metrics: WorkerMetrics): Part {
  const liveness = watch(() => pool.loops);
  return {
    get still() {
      return liveness.still;
    },
    get holdsCentral() {
      return pool.holdsCentral;
    },
    get figures() {
      return metrics.figures(pool.load);
    },
  };
}

/** As long as the process lives. */
const watch = (loops: () => readonly SeenLoop[]): Liveness =>
  new Liveness({ loops, stillMs: TIMING.watchdog.stillMs });
