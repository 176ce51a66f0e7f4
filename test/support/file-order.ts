// The order in which test files begin: no long one is left for the end, and all processors have work meanwhile.
import { statSync } from 'node:fs';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take about half a minute or more, the longest first: they wait for leases, locks, deaths or limits of a worker. */
const LONG = [
  'scenario/cli/demo',
  'scenario/doctor/sources',
  'scenario/cli/alerts',
  'scenario/workers/misdeeds-batch-slow',
  'scenario/mover/stands-still',
  'scenario/cli/http',
  'scenario/workers/trace',
  'scenario/workers/handlers',
  'scenario/workers/verdicts',
  'scenario/workers/rate',
  'scenario/workers/held-back',
  'scenario/workers/kills',
  'scenario/workers/progress',
  'scenario/mover/bound',
  'scenario/mover/schedules',
  'scenario/mover/kills',
  'scenario/mover/shard-identity',
  'scenario/workers/misdeeds-event',
  'scenario/workers/free-kills',
  'scenario/mover/known-lag',
  'scenario/mover/disk-full',
  'scenario/workers/lag',
  'scenario/mover/neighbours',
  'scenario/doctor/queues',
  'scenario/mover/younger',
  'scenario/workers/goodput',
  'scenario/doctor/command',
  'scenario/workers/strays',
  'scenario/mover/reload',
  'postgres/mover/files',
  'postgres/mover/given-up',
  'postgres/mover/loops',
  'postgres/observability/lag-cli',
  'postgres/mover/refusal-evidence',
  'postgres/mover/mover',
];

const PROJECTS = ['scenario', 'postgres', 'contract', 'unit'];

/** Project by project, because a process runs files of one project. In each: a long file, another, a long one again; the others by size, largest first. */
export class FileOrder extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rest = files.filter(({ project }) => !PROJECTS.includes(project.name));
    return [
      ...PROJECTS.flatMap((name) => inOrder(files.filter(({ project }) => project.name === name))),
      ...rest,
    ];
  }
}

function inOrder(files: readonly TestSpecification[]): TestSpecification[] {
  const place = ({ moduleId }: TestSpecification) =>
    LONG.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
  const size = ({ moduleId }: TestSpecification) => statSync(moduleId).size;
  const long = files.filter((file) => place(file) >= 0).sort((a, b) => place(a) - place(b));
  const others = files.filter((file) => place(file) < 0).sort((a, b) => size(b) - size(a));
  const mixed = long.flatMap((file, at) => [file, ...others.slice(at, at + 1)]);
  return [...mixed, ...others.slice(long.length)];
}
