// docs/doctor.md lists every cause that doctor knows, the worst first, and no other.
import { expect, test } from 'vitest';
import { CAUSES } from '../../../src/observability/doctor/causes.ts';
import { rowsUnder } from '../../support/pages/tables.ts';

test('the table lists the causes as the code has them', () => {
  const expected = Object.entries(CAUSES).map(
    ([cause, { of, means, remedy }]) => `| \`${cause}\` | ${of} | ${means} | ${remedy} |`,
  );
  // Where this fails, copy the lines that it expects into the page.
  expect(rowsUnder('docs/doctor.md', 'Causes')).toEqual(expected);
});
