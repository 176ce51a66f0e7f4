// Events of one id stay together: ids are not unique, and progress is noted by id. Pure.

/** The end of the slice that begins at `from`: at most `width` ids, never between two events of one id. */
export function sliceEnd(ids: readonly number[], from: number, width: number): number {
  let end = Math.min(ids.length, from + width);
  while (end < ids.length && ids[end] === ids[end - 1]) end += 1;
  return end;
}

/**
 * How many of the events read can be used: those of the last id may go on behind the end of what was read.
 * @returns 0 where all have one id and more must be read.
 */
export function usable(ids: readonly number[], isAll: boolean): number {
  if (isAll) return ids.length;
  let end = ids.length - 1;
  while (end > 0 && ids[end] === ids[end - 1]) end -= 1;
  return Math.max(0, end);
}
