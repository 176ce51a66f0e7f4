// The order in which test files begin: no long one is left for the end, and all processors have work meanwhile.
import { statSync } from 'node:fs';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Seconds that files took which took a quarter of a minute or more: they wait for leases, locks, deaths or limits of a worker.
 * Only the order depends on it.
 */
const LONG: Readonly<Record<string, number>> = {
  'scenario/doctor/sources': 84,
  'scenario/cli/alerts': 73,
  'scenario/workers/misdeeds-batch-slow': 64,
  'scenario/workers/held-back': 56,
  'scenario/mover/stands-still': 55,
  'scenario/workers/handlers': 55,
  'scenario/workers/verdicts': 54,
  'postgres/mover/refusal-evidence': 52,
  'scenario/workers/progress': 52,
  'postgres/mover/files': 51,
  'scenario/cli/demo': 51,
  'scenario/workers/kills': 51,
  'scenario/mover/shard-identity': 49,
  'scenario/workers/misdeeds-event': 46,
  'scenario/cli/http': 45,
  'scenario/mover/schedules': 45,
  'scenario/mover/shard-moves': 44,
  'postgres/mover/given-up': 43,
  'scenario/doctor/queues': 43,
  'scenario/workers/rate': 42,
  'scenario/mover/known-lag': 40,
  'scenario/workers/free-kills': 40,
  'scenario/workers/trace': 40,
  'postgres/mover/loops': 38,
  'scenario/doctor/command': 36,
  'scenario/mover/kills': 36,
  'scenario/workers/recycle': 34,
  'scenario/mover/reload': 33,
  'scenario/cli/dashboard': 32,
  'scenario/mover/pgque': 32,
  'postgres/observability/lag-cli': 31,
  'scenario/mover/disk-full': 31,
  'scenario/mover/neighbours': 31,
  'scenario/workers/weight': 29,
  'scenario/workers/lag': 28,
  'scenario/workers/pool': 27,
  'scenario/workers/misdeeds-free': 26,
  'scenario/workers/strays': 26,
  'scenario/mover/divergence': 25,
  'scenario/mover/other-host': 25,
  'scenario/workers/goodput': 25,
  'postgres/mover/refused-events': 24,
  'scenario/workers/processes': 24,
  'scenario/workers/reload': 23,
  'postgres/mover/round-locks': 22,
  'postgres/mover/watchdog': 22,
  'scenario/apply/merged': 22,
  'scenario/time/delayed': 22,
  'scenario/time/schedules': 21,
  'scenario/workers/live-kills': 21,
  'scenario/mover/bound': 20,
  'scenario/mover/failover': 20,
  'scenario/workers/frozen-central': 20,
  'scenario/mover/younger': 19,
  'scenario/workers/upkeep': 19,
  'scenario/mover/cut-off': 17,
  'scenario/workers/groups': 17,
  'scenario/mover/shard-ends': 16,
  'scenario/workers/counted': 16,
  'scenario/workers/free-ends': 16,
  'postgres/mover/repair': 15,
  'scenario/cli/queue-life': 15,
  'scenario/cli/start-auto': 15,
  'scenario/mover/rotation': 15,
  'scenario/workers/batch': 15,
};

/** What each of the others takes, most of it work. */
const OTHER_S = 5;

const PROJECTS = ['scenario', 'postgres', 'contract', 'unit'];

/** Project by project, because a process runs files of one project. */
export class FileOrder extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rest = files.filter(({ project }) => !PROJECTS.includes(project.name));
    const workers = Number(this.ctx.config.maxWorkers) || 1;
    return [
      ...PROJECTS.flatMap((name) =>
        inOrder(
          files.filter(({ project }) => project.name === name),
          workers,
        ),
      ),
      ...rest,
    ];
  }
}

/**
 * Long ones by their time, the others by their size, the longest first. So many long ones are at work at a time that they
 * last as long as the others do: while all wait the processors have nothing to do.
 */
function inOrder(files: readonly TestSpecification[], workers: number): TestSpecification[] {
  const seconds = ({ moduleId }: TestSpecification) =>
    LONG[/\/test\/(.*)\.test\.ts$/.exec(moduleId)?.[1] ?? ''] ?? 0;
  const size = ({ moduleId }: TestSpecification) => statSync(moduleId).size;
  const long = files.filter((file) => seconds(file) > 0).sort((a, b) => seconds(b) - seconds(a));
  const others = files.filter((file) => seconds(file) === 0).sort((a, b) => size(b) - size(a));
  const waited = long.reduce((sum, file) => sum + seconds(file), 0);
  const share = Math.round((workers * waited) / (waited + others.length * OTHER_S));
  const most = Math.max(1, Math.min(share, workers - 1));
  // Played: whoever is free first takes the next.
  const at = Array.from({ length: workers }, () => ({ free: 0, isLong: false }));
  const order: TestSpecification[] = [];
  while (order.length < files.length) {
    const worker = at.reduce((first, one) => (one.free < first.free ? one : first));
    worker.isLong = false;
    const isNextLong = others.length === 0 || at.filter(({ isLong }) => isLong).length < most;
    const next = (isNextLong ? (long.shift() ?? others.shift()) : others.shift()) as TestSpecification;
    worker.isLong = seconds(next) > 0;
    worker.free += seconds(next) || OTHER_S;
    order.push(next);
  }
  return order;
}
