// Whatever one event throws, returns, sets or leaves behind, it alone fails: with a reason, within a bound; its neighbours are
// handled once. Here: a handler without a transaction.
import { describe, test } from 'vitest';
import { eachQuickMisdeed, eachSlowMisdeed } from '../../support/workers/misdeed-course.ts';

describe('workers/child, whatever a handler without a transaction does', () => {
  test.each(['free event', 'free batch'] as const)(
    '%s: each misdeed that is quick fails its event alone',
    { timeout: 600_000 },
    eachQuickMisdeed,
  );
  test.each(['free event', 'free batch'] as const)(
    '%s: each misdeed that takes time fails its event alone',
    { timeout: 600_000 },
    eachSlowMisdeed,
  );
});
