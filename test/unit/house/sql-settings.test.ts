// Settings that only make sense together. Without `enable_seqscan` the planner takes even an empty table that has no index, such
// as the parent of event tables, for so dear that it starts helper processes to read it: each count then cost 25 ms in place of 0.1.
import { expect, test } from 'vitest';
import { filesIn } from '../../support/pages/source-tree.ts';

test('whatever forbids to read tables whole forbids helper processes as well', () => {
  const files = [...filesIn('sql', '.sql'), ...filesIn('src', '.ts')];
  const places = files.flatMap(({ path, text }) =>
    text
      .split(/^(?=create or replace function)/m)
      .filter((part) => part.includes('enable_seqscan'))
      .map((part) => ({ path, part })),
  );
  expect(places.length).toBeGreaterThan(20);
  const lonely = places.filter(({ part }) => !part.includes('max_parallel_workers_per_gather'));
  expect(lonely.map(({ path }) => path)).toEqual([]);
});
