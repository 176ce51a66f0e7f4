// What a capture's trigger remembers in its comment: how it was made, and what the table looked like. Pure.
import { z } from 'zod';

/** Number within the table, name and type. */
export type ColumnFact = readonly [number: number, name: string, type: string];

export interface TriggerNote {
  /** A hash of the triggers' definitions. */
  readonly made: string;
  readonly columns: readonly ColumnFact[];
  readonly key: readonly string[];
}

const NOTE = z.object({
  made: z.string(),
  columns: z.array(z.tuple([z.number(), z.string(), z.string()])),
  key: z.array(z.string()),
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

const listed = (names: readonly string[]): string => (names.length === 0 ? 'none' : `(${names.join(', ')})`);
