// Folds changes to what is left of them for each key, in rounds that are carried out one after the other. Pure.
//
// Invariant: to carry the rounds out gives the same rows as to carry out the changes one by one: in a round a key belongs to one
// shard, its deletes come before its rows, and a truncate is a round of its own.
import type { RowText } from './row-text.ts';

/** One step of one key: the row goes, or gets these columns. */
export interface KeyStep {
  readonly shard: string;
  /** Texts of the key's columns, without that of the shard. */
  readonly key: readonly string[];
  /** Absent: the row is deleted. */
  readonly row?: RowText;
  /** The time of its event. */
  readonly time: string;
  /** Of its event. */
  readonly id: number;
}

export interface Truncation {
  readonly shard: string;
  readonly isTruncate: true;
  readonly id: number;
  /** Keys whose rows are newer, and stay. */
  readonly except?: readonly (readonly string[])[];
}

export type Round =
  | { readonly truncated: Truncation }
  | {
      /** Keys whose rows go before the others come: the deleted ones, and those that were made anew. */
      readonly deletes: readonly KeyStep[];
      readonly rows: readonly RowStep[];
      /** Keys of which the rows have taken the place of another shard's, perhaps, and then go. */
      readonly after: readonly KeyStep[];
    };

export type RowStep = KeyStep & { readonly row: RowText };

interface Net {
  isDeleted: boolean;
  step: KeyStep;
  /** The row of the key before `step` deletes it. */
  former?: RowStep;
}

export interface FoldOptions {
  /** The shard is a part of the key, so that rows of two shards never have one. */
  readonly isOfShards: boolean;
  /** Else a row may take the place of another shard's, which a fold must not hide. */
  readonly onConflict: 'error' | 'newest' | 'shard_wins';
}

export function foldSteps(
  steps: readonly (KeyStep | Truncation)[],
  { isOfShards, onConflict }: FoldOptions,
): Round[] {
  const rounds: Round[] = [];
  const mayReplace = !isOfShards && onConflict !== 'error';
  let nets = new Map<string, Net>();
  const end = () => {
    if (nets.size > 0) rounds.push(roundOf(nets, isOfShards));
    nets = new Map();
  };
  for (const step of steps) {
    if ('isTruncate' in step) {
      end();
      rounds.push({ truncated: step });
      continue;
    }
    const name = keyName(isOfShards ? [step.shard, ...step.key] : step.key);
    const net = nets.get(name);
    if (net !== undefined && (net.step.shard !== step.shard || net.former !== undefined)) end();
    nets.set(name, next(nets.get(name), step, mayReplace));
  }
  end();
  return rounds;
}

/** Key texts as one text: none of them can hold the character 0. */
export const keyName = (key: readonly string[]): string =>
  key.length === 1 ? (key[0] ?? '') : key.join('\0');

function next(net: Net | undefined, step: KeyStep, mayReplace: boolean): Net {
  const was = net?.step;
  if (step.row === undefined)
    return mayReplace && was !== undefined && hasRow(was)
      ? { isDeleted: net?.isDeleted ?? false, step, former: was }
      : { isDeleted: true, step };
  // Columns that an earlier change had and this one has not, because the table was altered or the trigger ignores them, stay.
  const before = was?.row;
  const isWider = before !== undefined && [...before.keys()].some((column) => !step.row?.has(column));
  return {
    isDeleted: net?.isDeleted ?? false,
    step: isWider ? { ...step, row: new Map([...before, ...step.row]) } : step,
  };
}

function roundOf(nets: ReadonlyMap<string, Net>, isOfShards: boolean): Round {
  // Workers of several lanes may lock rows of the same keys: in one order, so that they wait for each other, and not both for ever.
  const all = isOfShards
    ? [...nets.values()]
    : [...nets].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, net]) => net);
  return {
    deletes: all.filter(({ isDeleted }) => isDeleted).map(({ step }) => step),
    rows: all.flatMap(({ step, former }) => former ?? (hasRow(step) ? [step] : [])),
    after: all.filter(({ former }) => former !== undefined).map(({ step }) => step),
  };
}

const hasRow = (step: KeyStep): step is RowStep => step.row !== undefined;
