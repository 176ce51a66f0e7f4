// What a proof found, for the messages of tests.
import type { Proof } from '../../../src/proof/origins.ts';

/** One line that tells what a proof found; names at most three events of each kind. */
export function describeProof(proof: Proof): string {
  const faults = (['lost', 'invented', 'twice', 'split', 'disordered'] as const)
    .filter((kind) => proof[kind].length > 0)
    .map((kind) => `${proof[kind].length} ${kind} (${proof[kind].slice(0, 3).join(', ')})`);
  const counts = `${proof.committed} committed, ${proof.moved} moved`;
  return faults.length === 0
    ? `${counts}: each exactly once, in order, no transaction split`
    : `${counts}: ${faults.join('; ')}`;
}
