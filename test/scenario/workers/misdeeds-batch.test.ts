// Whatever one event throws, returns, sets or leaves behind, it alone fails: with a reason, within a bound; its neighbours are
// handled once. Here: a handler with `batch`.
import { describe, test } from 'vitest';
import { eachQuickMisdeed } from '../../support/workers/misdeed-course.ts';

describe('workers/child, whatever a handler with `batch` does', () => {
  test('each misdeed that is quick fails its event alone', { timeout: 600_000 }, () =>
    eachQuickMisdeed('batch'),
  );
});
