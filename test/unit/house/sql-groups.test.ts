// The functions of our SQL are grouped by folders, and the pages beside them say which group is for what.
import { expect, test } from 'vitest';
import { filesIn } from '../../support/pages/source-tree.ts';
import { functionsIn } from '../../support/pages/sql-functions.ts';
import { cellsOf, namesOf, rowsUnder } from '../../support/pages/tables.ts';

interface Group {
  readonly folder: string;
  readonly functions: readonly string[];
}

/** What the page lists, by folder. */
function listed(page: string): Group[] {
  return rowsUnder(page, 'Groups').map((row) => {
    const [folder = '', purpose = '', functions = ''] = cellsOf(row);
    expect(purpose).not.toBe('');
    return { folder: namesOf(folder).join(), functions: namesOf(functions) };
  });
}

/** What is there: the folder right above each file, and the functions of its files. */
function found(root: string): Group[] {
  const groups = new Map<string, string[]>();
  for (const file of filesIn(root, '.sql')) {
    const folder = file.path.slice(root.length + 1, file.path.lastIndexOf('/') + 1);
    groups.set(folder, [...(groups.get(folder) ?? []), ...functionsIn(file).map(({ name }) => name)]);
  }
  return [...groups].map(([folder, functions]) => ({ folder, functions: [...new Set(functions)].sort() }));
}

const byFolder = (groups: readonly Group[]) => groups.toSorted((a, b) => (a.folder < b.folder ? -1 : 1));

test('each function of schema tributary is in a group that its page lists', () => {
  expect(byFolder(listed('sql/tributary/functions/README.md'))).toEqual(
    byFolder(found('sql/tributary/functions')),
  );
});

test('each function of the bundled engine that may be called is in a group that its page lists', () => {
  const there = found('sql/pgq').map(({ folder, functions }) => ({
    folder,
    functions: functions.filter((name) => !name.startsWith('_')),
  }));
  expect(byFolder(listed('sql/pgq/README.md'))).toEqual(byFolder(there));
});
