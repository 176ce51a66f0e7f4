// Sums up a window that is more than `whole` and goes in parts, for the log.

export interface DividedWindow {
  readonly events: number;
  readonly bytes: number;
  /** How many, with the one that is just handed on. */
  readonly parts: number;
  /** False: more of the window is being read. */
  readonly isLast: boolean;
}

export const UNDIVIDED: DividedWindow = { events: 0, bytes: 0, parts: 0, isLast: false };

/** The sum with one part more. */
export function withPart(
  { events, bytes, parts }: DividedWindow,
  part: { readonly rows: number; readonly bytes: number },
  isLast: boolean,
): DividedWindow {
  return { events: events + part.rows, bytes: bytes + part.bytes, parts: parts + 1, isLast };
}
