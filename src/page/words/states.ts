// The states of a source in words. Pure.
import type { MapCell } from '../../http/dashboard/state.ts';
import { shortSeconds } from './times.ts';

export type CellState = MapCell[0];

/** The worst first. */
export const STATES: readonly CellState[] = [
  'halted',
  'unreachable',
  'unassigned',
  'paused',
  'moving',
  'idle',
];

export const STATE_MEANING: Readonly<Record<CellState, string>> = {
  halted: 'stopped by itself, repair decides',
  unreachable: 'its database does not answer',
  unassigned: 'no mover moves it',
  paused: 'stopped by an operator',
  moving: 'moves',
  idle: 'moves, nothing to do',
};

/** Figures of a running source that are older say little. */
const SEEN_LATELY = 10;

export const isUnseen = (seen: number | null): boolean => seen === null || seen > SEEN_LATELY;

/** For screen readers; it changes only when what a cell looks like changes. */
export function cellLabel(shard: string, [state, age, seen]: MapCell, ageName: string): string {
  const unseen = seen === null ? ', never seen' : isUnseen(seen) ? ', not seen lately' : '';
  return `${shard}: ${state}, ${age === null ? 'age not known' : `oldest event ${ageName}`}${unseen}`;
}

/** What stands out in a map: states in which nothing moves, and how old the oldest event is. */
export function cellsInWords(cells: readonly MapCell[]): string {
  const counts = new Map<CellState, number>();
  let oldest: number | null = null;
  for (const [state, age] of cells) {
    counts.set(state, (counts.get(state) ?? 0) + 1);
    if (age !== null && age > (oldest ?? -1)) oldest = age;
  }
  const standing = STATES.filter((state) => state !== 'moving' && state !== 'idle' && counts.has(state));
  const words = standing.map((state) => `${counts.get(state)} ${state}`);
  return [oldest === null ? 'age not known' : `oldest ${shortSeconds(oldest)}`, ...words].join(', ');
}

export const seenWords = (seen: number | null): string =>
  seen === null ? 'never seen' : seen < 1.5 ? 'seen now' : `seen ${shortSeconds(seen)} ago`;
