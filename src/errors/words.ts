// Words of sentences that depend on a number.

/** `1 event`, `0 events`, `1,234 events`. @param plural where it is not the noun with an s. */
export function counted(number: number, noun: string, plural = `${noun}s`): string {
  return `${number.toLocaleString('en-US')} ${number === 1 ? noun : plural}`;
}
