// What a capture's trigger remembers in its comment: how it was made, and what the table looked like. Pure.
import { z } from 'zod';

/** Number within the table, name and type. */
export type ColumnFact = readonly [number: number, name: string, type: string];

export interface TriggerNote {
  /** A hash of the triggers' definitions. */
  readonly made: string;
  readonly columns: readonly ColumnFact[];
  readonly key: readonly string[];
  /** Names of its partitions; undefined: it can have none, or they were not noted yet. */
  readonly parts?: readonly string[] | undefined;
}

const NOTE = z.object({
  made: z.string(),
  columns: z.array(z.tuple([z.number(), z.string(), z.string()])),
  key: z.array(z.string()),
  parts: z.array(z.string()).optional(),
});

export const noteText = (installation: string, note: TriggerNote): string =>
  `Made by tributary capture install (installation ${installation}). ${JSON.stringify(note)}`;

/** Undefined: somebody else wrote the comment, or nobody. */
export function parseNote(comment: string | null): TriggerNote | undefined {
  if (comment === null) return undefined;
  try {
    return NOTE.parse(JSON.parse(comment.slice(comment.indexOf('{'))));
  } catch {
    return undefined;
  }
}

/** How a table differs from what it was, in words: `column note was added`. */
export function differences(
  before: Pick<TriggerNote, 'columns' | 'key'>,
  now: Pick<TriggerNote, 'columns' | 'key'>,
): string[] {
  // By name first: a restore gives columns other numbers.
  const left = before.columns.filter(([, name]) => !now.columns.some(([, other]) => other === name));
  const come = now.columns.filter(([, name]) => !before.columns.some(([, other]) => other === name));
  const renamed = left.flatMap((was) => {
    const is = come.find(([number, , type]) => number === was[0] && type === was[2]);
    return is === undefined ? [] : [{ was, is }];
  });
  const retyped = before.columns.flatMap(([, name, type]) => {
    const is = now.columns.find(([, other]) => other === name)?.[2];
    return is === undefined || is === type ? [] : [`column ${name} was ${type} and is ${is}`];
  });
  const names = new Map(renamed.map(({ was, is }) => [was[1], is[1]]));
  const key = before.key.map((name) => names.get(name) ?? name);
  return [
    ...renamed.map(({ was, is }) => `column ${was[1]} is called ${is[1]} now`),
    ...left
      .filter((one) => !renamed.some(({ was }) => was === one))
      .map(([, name]) => `column ${name} was dropped`),
    ...come
      .filter((one) => !renamed.some(({ is }) => is === one))
      .map(([, name]) => `column ${name} was added`),
    ...retyped,
    ...(String(key) === String(now.key)
      ? []
      : [`its key was ${listed(before.key)} and is ${listed(now.key)}`]),
  ];
}

/** What became of partitions as a whole, which no event says: `partition public.orders_2024 is gone, …`. */
export function partDifferences(
  before: readonly string[] | undefined,
  {
    kind,
    parts,
  }: { readonly kind: string; readonly parts: readonly (readonly [name: string, isAttached: boolean])[] },
): string[] {
  if (kind !== 'p') return [];
  if (before === undefined) return ['its partitions were not noted'];
  const now = new Set(parts.map(([name]) => name));
  const gone = before.filter((name) => !now.has(name));
  const attached = parts.flatMap(([name, isAttached]) =>
    isAttached && !before.includes(name) ? [name] : [],
  );
  return [
    ...(gone.length === 0
      ? []
      : [`${some('partition', gone)} gone, detached or dropped: no event says that ${its(gone)} rows are`]),
    ...(attached.length === 0
      ? []
      : [`${some('partition', attached)} attached: rows that ${they(attached)} had by then are no events`]),
  ];
}

const MOST_PARTS = 3;
const some = (what: string, names: readonly string[]): string =>
  names.length === 1
    ? `${what} ${names[0]} is`
    : `${what}s ${names.slice(0, MOST_PARTS).join(', ')}${names.length > MOST_PARTS ? ` and ${names.length - MOST_PARTS} more` : ''} are`;
const its = (names: readonly string[]): string => (names.length === 1 ? 'its' : 'their');
const they = (names: readonly string[]): string => (names.length === 1 ? 'it' : 'they');

const listed = (names: readonly string[]): string => (names.length === 0 ? 'none' : `(${names.join(', ')})`);
