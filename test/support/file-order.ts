// The order in which test files begin: no long one is left for the end, and all processors have work meanwhile.
import { statSync } from 'node:fs';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take half a minute or more, because they wait for leases, locks, deaths or limits of a worker. */
const LONG = [
  'scenario/mover/stands-still',
  'scenario/cli/demo',
  'scenario/workers/misdeeds-batch-slow',
  'scenario/workers/held-back',
  'scenario/workers/progress',
  'scenario/workers/verdicts',
  'scenario/workers/kills',
  'scenario/workers/handlers',
  'scenario/mover/schedules',
  'scenario/workers/rate',
  'scenario/workers/misdeeds-event',
  'scenario/workers/free-kills',
  'scenario/mover/neighbours',
  'scenario/workers/lag',
  'scenario/mover/shard-identity',
  'postgres/mover/files',
  'postgres/mover/given-up',
  'postgres/observability/lag-cli',
  'postgres/mover/loops',
  'postgres/mover/refusal-evidence',
];

const PROJECTS = ['scenario', 'postgres', 'contract', 'unit'];

/** Project by project, because a process runs files of one project. In each: a long file, two others, a long one again; the others by size, largest first. */
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
  const mixed = long.flatMap((file, at) => [file, ...others.slice(2 * at, 2 * at + 2)]);
  return [...mixed, ...others.slice(2 * long.length)];
}
