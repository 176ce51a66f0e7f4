// What the verdicts of several groups about one event come to.
import { expect, test } from 'vitest';
import { overGroups, type SeenByGroup } from '../../../src/observability/trace/by-group.ts';
import type { HandlingFacts } from '../../../src/observability/trace/handled.ts';
import type { TracedTry, TraceState } from '../../../src/observability/trace/shape.ts';

const seen = (group: string | undefined, state: TraceState, at: string): SeenByGroup => ({
  ...{ group, state, summary: `It is ${state}.` },
  handling: {
    tries: [{ at, worker: `orders/${group}#1` } as TracedTry],
    isUnsure: false,
    ...(state === 'retrying' && { retry: { attempts: 2, error: 'no', nextAt: at, isDue: false } }),
    ...(state === 'dead' && { dead: { id: 7 } }),
  } as unknown as HandlingFacts,
});

test('the state is that of the group in which it is worst, the tries are those of all in their order', () => {
  const all = overGroups([
    seen('billing', 'handled', '2026-01-01T00:00:02Z'),
    seen('search', 'retrying', '2026-01-01T00:00:01Z'),
    seen('mail', 'waiting', '2026-01-01T00:00:03Z'),
  ]);
  expect(all.state).toBe('retrying');
  expect(all.summary).toBe('billing: It is handled. search: It is retrying. mail: It is waiting.');
  expect(all.groups.map(({ group, state }) => `${group} ${state}`)).toEqual([
    'billing handled',
    'search retrying',
    'mail waiting',
  ]);
  expect(all.handling.tries.map(({ worker }) => worker)).toEqual([
    'orders/search#1',
    'orders/billing#1',
    'orders/mail#1',
  ]);
});

test('each group has its own next try and its own death, and each try names its group', () => {
  const at = '2026-01-01T00:00:02Z';
  const all = overGroups([seen('billing', 'dead', at), seen('search', 'retrying', at)]);
  expect(all.groups).toMatchObject([
    { group: 'billing', retry: null, dead: { id: 7 } },
    { group: 'search', retry: { attempts: 2, error: 'no', nextAt: at }, dead: null },
  ]);
  expect(all.handling.tries.map(({ group }) => group)).toEqual(['billing', 'search']);
});

test('of a queue with one group nothing is said of groups', () => {
  expect(overGroups([seen(undefined, 'handled', '2026-01-01T00:00:02Z')])).toMatchObject({
    ...{ state: 'handled', summary: 'It is handled.', groups: [] },
  });
});
