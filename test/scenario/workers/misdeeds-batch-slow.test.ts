// Whatever one event throws, returns, sets or leaves behind, it alone fails: with a reason, within a bound; its neighbours are
// handled once. Here: a handler with `batch`, where it takes time.
import { describe, test } from 'vitest';
import { eachSlowMisdeed } from '../../support/workers/misdeed-course.ts';

describe('workers/child, whatever a handler with `batch` does', () => {
  test('each misdeed that takes time fails its event alone', { timeout: 600_000 }, () =>
    eachSlowMisdeed('batch'),
  );
});
