// The verdict of the whole way turns red for each thing that can go wrong on either stretch of it.
import { describe, expect, test } from 'vitest';
import type { ProofRow } from '../../../src/proof/origins.ts';
import { judgeProof, type Sides } from '../../../src/proof/verdict.ts';

/** Four events of two transactions, in order. */
const shards: ProofRow[] = [1, 2, 3, 4].map((id) => ({
  origin: `s:q:${id}`,
  id,
  txid: 100 + Math.ceil(id / 2),
  tick: Math.ceil(id / 2),
}));

/** As the next place writes them down: ids of its own, transactions of its own. */
const written = (origins: readonly number[], txids: readonly number[] = [1, 1, 1, 1, 1, 1]): ProofRow[] =>
  origins.map((id, at) => ({ origin: `s:q:${id}`, id: at + 10, txid: txids[at] ?? 1 }));

const perfect: Sides = {
  shards,
  central: written([1, 2, 3, 4]),
  handled: written([1, 2, 3, 4]),
  expected: 4,
  isHandledInOrder: true,
};

describe('proof/verdict', () => {
  test('holds where every event is everywhere once, in order, in whole transactions', () => {
    expect(judgeProof(perfect)).toEqual({
      ...{ expected: 4, committed: 4, moved: 4, handled: 4 },
      ...{ lost: 0, twice: 0, disordered: 0, split: 0, holds: true, examples: [] },
    });
  });

  test.each<[string, Partial<Sides>, object]>([
    ['one that was not moved', { central: written([1, 2, 4]), handled: written([1, 2, 4]) }, { lost: 1 }],
    ['one that was not handled', { handled: written([1, 2, 3]) }, { lost: 1 }],
    ['one that was moved twice', { central: written([1, 2, 2, 3, 4]) }, { twice: 1 }],
    ['one that was handled twice', { handled: written([1, 2, 3, 3, 4]) }, { twice: 1 }],
    ['one that nobody committed', { central: written([1, 2, 3, 4, 9]) }, { twice: 1 }],
    ['order lost in moving', { central: written([1, 3, 2, 4]) }, { disordered: 1 }],
    ['order lost in handling by one worker', { handled: written([3, 4, 1, 2]) }, { disordered: 2 }],
    ['a transaction moved in parts', { central: written([1, 2, 3, 4], [1, 2, 3, 3]) }, { split: 1 }],
    ['a transaction handled in parts', { handled: written([1, 2, 3, 4], [1, 1, 1, 2]) }, { split: 1 }],
    ['a business row without its event', { expected: 5 }, {}],
  ])('does not hold with %s', (_what, change, found) => {
    expect(judgeProof({ ...perfect, ...change })).toMatchObject({ ...found, holds: false });
  });

  test('with several workers, transactions may be handled in any order', () => {
    const handled = written([3, 4, 1, 2], [2, 2, 1, 1]);
    expect(judgeProof({ ...perfect, handled, isHandledInOrder: false }).holds).toBe(true);
    expect(judgeProof({ ...perfect, handled: written([2, 1, 3, 4]), isHandledInOrder: false })).toMatchObject(
      {
        disordered: 1,
        holds: false,
      },
    );
  });
});
