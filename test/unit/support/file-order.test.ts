import { expect, test } from 'vitest';
import type { TestSpecification, Vitest } from 'vitest/node';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
import { FileOrder } from '../../support/file-order.ts';
import { filesIn } from '../../support/pages/source-tree.ts';

const inTests = (path: string) => path.replace(/^test\/|\.test\.ts$/g, '');

test('each file begins once, project by project, and long ones do not all wait at the same time', async () => {
  const paths = filesIn('test', '.test.ts')
    .map(({ path }) => path)
    .filter((path) => /^test\/(unit|contract|postgres|scenario)\//.test(path));
  const specifications = paths.map((path) => ({
    moduleId: packagePath(path),
    project: { name: path.split('/')[1] },
  })) as unknown as TestSpecification[];
  const order = new FileOrder({ config: { maxWorkers: 4 } } as Vitest);

  const sorted = (await order.sort(specifications)).map(({ moduleId }) =>
    inTests(moduleId.slice(packagePath().length + 1)),
  );

  expect(sorted.toSorted()).toEqual(paths.map(inTests).toSorted());
  const projects = sorted.map((path) => path.split('/')[0]);
  expect(projects.filter((project, at) => project !== projects[at - 1])).toEqual([
    'scenario',
    'postgres',
    'contract',
    'unit',
  ]);
  const ofServer = sorted.filter((path) => path.startsWith('postgres/'));
  // Two of four processes wait, and the others work.
  expect(ofServer.slice(0, 2)).toEqual(['postgres/mover/refusal-evidence', 'postgres/mover/files']);
  expect(ofServer.indexOf('postgres/mover/given-up')).toBeGreaterThan(10);
});
