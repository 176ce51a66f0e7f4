// Where a reader stands in what was published: what a browser shows as `Last-Event-ID`. Pure.

export interface LivePosition {
  /** A tick of what was published, with its time in microseconds since 1970: the same number may come again after a restore. */
  readonly tick: number;
  readonly at: number;
  /** The number of a message of that tick; Infinity: behind all of them. */
  readonly id: number;
}

/** `17.mgz3k2a1`, and in the middle of a tick `17.mgz3k2a1.4711`. */
export const positionText = ({ tick, at, id }: LivePosition): string =>
  `${tick}.${at.toString(36)}${id === Number.POSITIVE_INFINITY ? '' : `.${id}`}`;

/** @returns undefined: it is none of ours. */
export function parsePosition(text: string): LivePosition | undefined {
  const [, tick, at = '', id] = /^(\d{1,15})\.([0-9a-z]{1,12})(?:\.(\d{1,15}))?$/.exec(text) ?? [];
  if (tick === undefined) return undefined;
  return {
    tick: Number(tick),
    at: Number.parseInt(at, 36),
    id: id === undefined ? Number.POSITIVE_INFINITY : Number(id),
  };
}

/** Whether `a` is behind `b`, in the order in which messages are read. */
export const isBehind = (
  a: Pick<LivePosition, 'tick' | 'id'>,
  b: Pick<LivePosition, 'tick' | 'id'>,
): boolean => a.tick > b.tick || (a.tick === b.tick && a.id > b.id);
