// The whole way of one central queue judged: committed on the shards, moved into central, handled there. Pure.
import { compare, holds, type Proof, type ProofRow } from './origins.ts';

export interface Sides {
  /** All shards' events of the queue's sources. */
  readonly shards: readonly ProofRow[];
  readonly central: readonly ProofRow[];
  /** In the order in which they were handled. */
  readonly handled: readonly ProofRow[];
  /** Events that the business rows on the shards stand for, where that is known. */
  readonly expected?: number;
  /** One worker handles in central's order; with several, order is kept inside a transaction only. */
  readonly isHandledInOrder: boolean;
}

export interface ProofVerdict {
  readonly expected: number | undefined;
  readonly committed: number;
  readonly moved: number;
  readonly handled: number;
  /** Events that did not get to the end, or are somewhere once too often, or out of order; each counted once. */
  readonly lost: number;
  readonly twice: number;
  readonly disordered: number;
  /** Transactions of shards that arrived, or were handled, in parts. */
  readonly split: number;
  readonly holds: boolean;
  /** A few origins of what went wrong, each with its kind, for people. */
  readonly examples: readonly string[];
}

const MOST_EXAMPLES = 5;

export function judgeProof({ shards, central, handled, expected, isHandledInOrder }: Sides): ProofVerdict {
  const moving = compare(shards, central);
  const handling = compare(isHandledInOrder ? shards : shards.map(withoutTick), handled);
  const both = (...kinds: FaultKind[]) =>
    new Set(kinds.flatMap((kind) => [...moving[kind], ...handling[kind]])).size;
  return {
    expected,
    committed: moving.committed,
    moved: moving.moved,
    handled: handling.moved,
    lost: both('lost'),
    // An event that no shard has is there once too often as well.
    twice: both('twice', 'invented'),
    disordered: both('disordered'),
    split: both('split'),
    holds: holds(moving) && holds(handling) && (expected ?? moving.committed) === moving.committed,
    examples: [...examples(moving, 'moving'), ...examples(handling, 'handling')].slice(0, MOST_EXAMPLES),
  };
}

/** So that only the events of one transaction are compared with each other. */
const withoutTick = ({ origin, id, txid }: ProofRow): ProofRow => ({ origin, id, txid });

const FAULTS = ['lost', 'twice', 'invented', 'split', 'disordered'] as const;
type FaultKind = (typeof FAULTS)[number];

const examples = (proof: Proof, stretch: string): string[] =>
  FAULTS.flatMap((kind) => proof[kind].map((origin) => `${origin} (${kind} in ${stretch})`));
