// How long the last windows of a source were under way, stage by stage, from its positions. Pure.
import type { SourceDetail } from '../../http/dashboard/state.ts';
import { secondsBetween } from './times.ts';

type Position = SourceDetail['positions'][number];

/** Seconds, over this many windows; undefined: no window tells. */
export interface StageTimes {
  readonly median: number;
  readonly longest: number;
  readonly windows: number;
}

/** From the tick that ended a window to the commit on central that has its events. */
export const toCentral = ({ tickAt, at }: Position): number | null => secondsBetween(tickAt, at);

/** From that commit to the end of the batch that handled them. */
export const toHandled = ({ at, handledAt }: Position): number | null =>
  handledAt === null ? null : secondsBetween(at, handledAt);

/** Windows without events are not under way. */
export function stageOf(
  positions: readonly Position[],
  seconds: (position: Position) => number | null,
): StageTimes | undefined {
  const all = positions
    .filter(({ events }) => (events ?? 0) > 0)
    .flatMap((position) => seconds(position) ?? [])
    .sort((a, b) => a - b);
  const [median, longest] = [all[Math.floor(all.length / 2)], all.at(-1)];
  if (median === undefined || longest === undefined) return undefined;
  return { median: Math.max(0, median), longest: Math.max(0, longest), windows: all.length };
}
