// Metrics that every process has.
import { packageVersion } from '../../lifecycle/package-root.ts';
import { type Figures, gauge } from './figures.ts';

/** @param role `start`, `mover`, `work` or `spool`. */
export function processFigures(role: string): Figures {
  const { user, system } = process.cpuUsage();
  return {
    tributary_process_start_time_seconds: gauge([[role], performance.timeOrigin / 1_000]),
    tributary_process_resident_memory_bytes: gauge([[role], process.memoryUsage.rss()]),
    tributary_process_cpu_seconds_total: gauge([[role], (user + system) / 1_000_000]),
  };
}

export function buildFigures(): Figures {
  return { tributary_build_info: gauge([[packageVersion(), process.versions.node], 1]) };
}
