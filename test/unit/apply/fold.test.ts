// What is left of changes, folded: the same rows as by applying them one by one.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { foldSteps, type KeyStep, keyName, type Round, type Truncation } from '../../../src/apply/fold.ts';

type Step = KeyStep | Truncation;
type Table = Map<string, { shard: string; time: string; columns: Map<string, string | null> }>;
type Kind = { isOfShards: boolean; onConflict: 'error' | 'newest' | 'shard_wins' };

const nameOf = ({ isOfShards }: Kind, { shard, key }: KeyStep) => keyName(isOfShards ? [shard, ...key] : key);

/** As PostgreSQL carries out the statements for one step. */
function carryOut(table: Table, kind: Kind, step: Step): void {
  if ('isTruncate' in step) {
    for (const [name, { shard }] of table) if (shard === step.shard) table.delete(name);
    return;
  }
  const name = nameOf(kind, step);
  const there = table.get(name);
  const { row, shard, time } = step;
  if (row === undefined) {
    if (there?.shard === shard) table.delete(name);
    return;
  }
  const mayReplace =
    there === undefined ||
    there.shard === shard ||
    kind.onConflict === 'shard_wins' ||
    (kind.onConflict === 'newest' && there.time <= time);
  if (mayReplace) table.set(name, { shard, time, columns: new Map([...(there?.columns ?? []), ...row]) });
}

function carryOutRound(table: Table, kind: Kind, round: Round): void {
  if ('truncated' in round) {
    carryOut(table, kind, round.truncated);
    return;
  }
  const gone = (step: KeyStep): KeyStep => ({ ...step, row: undefined }) as unknown as KeyStep;
  for (const step of round.deletes) carryOut(table, kind, gone(step));
  // One statement must not touch a row twice.
  expect(new Set(round.rows.map((step) => nameOf(kind, step))).size).toBe(round.rows.length);
  for (const step of round.rows) carryOut(table, kind, step);
  for (const step of round.after) carryOut(table, kind, gone(step));
}

const shown = (table: Table) =>
  [...table].map(([name, { shard, columns }]) => [name, shard, [...columns].sort()]).sort();

const steps = (columns: fc.Arbitrary<readonly string[]>): fc.Arbitrary<Step[]> =>
  fc
    .array(
      fc.record({
        what: fc.constantFrom('row', 'row', 'row', 'delete', 'delete', 'truncate'),
        shard: fc.constantFrom('a', 'b'),
        key: fc.constantFrom('1', '2', '3'),
        value: fc.integer({ min: 0, max: 9 }),
        columns,
      }),
      { maxLength: 24 },
    )
    .map((given) =>
      given.map(({ what, shard, key, value, columns: names }, at): Step => {
        if (what === 'truncate') return { shard, isTruncate: true, id: at };
        const step = { shard, key: [key], time: String(at).padStart(3, '0'), id: at };
        if (what === 'delete') return step;
        return { ...step, row: new Map(names.map((name) => [name, String(value)])) };
      }),
    );

test.each<[string, Kind, fc.Arbitrary<readonly string[]>]>([
  [
    'with the shard in the key',
    { isOfShards: true, onConflict: 'error' },
    fc.constantFrom(['x'], ['x', 'y'], ['y']),
  ],
  [
    'where a shard wins',
    { isOfShards: false, onConflict: 'shard_wins' },
    fc.constantFrom(['x'], ['x', 'y'], ['y']),
  ],
  ['where the newest wins', { isOfShards: false, onConflict: 'newest' }, fc.constant(['x', 'y'])],
])('%s the rows are those of one change after the other', (_title, kind, columns) => {
  fc.assert(
    fc.property(steps(columns), steps(columns), (before, given) => {
      const [one, folded]: [Table, Table] = [new Map(), new Map()];
      for (const step of before) {
        carryOut(one, kind, step);
        carryOut(folded, kind, step);
      }
      for (const step of given) carryOut(one, kind, step);
      for (const round of foldSteps(given, kind)) carryOutRound(folded, kind, round);
      expect(shown(folded)).toEqual(shown(one));
    }),
    { numRuns: 500 },
  );
});

test('many changes of few keys are one round', () => {
  const given = Array.from({ length: 1_000 }, (_, at): KeyStep => {
    const step = { shard: `s${at % 3}`, key: [String(at % 7)], time: '', id: at };
    return at % 5 === 0 ? step : { ...step, row: new Map([['n', String(at)]]) };
  });
  const rounds = foldSteps(given, { isOfShards: true, onConflict: 'error' });
  expect(rounds).toHaveLength(1);
  const [round] = rounds as [Exclude<Round, { truncated: unknown }>];
  expect(round.rows.length + round.deletes.length).toBeLessThanOrEqual(42);
});
