// What a spooler noticed, as sentences: records that are missing, bytes that are none, others that deliver the same. Pure.
import { basename } from 'node:path';
import { counted } from '../errors/words.ts';
import { sizeInWords } from './mistakes.ts';
import type { Damage } from './writer-log.ts';

/** @param before the record in front of the gap. @returns undefined where nothing is missing. */
export function gapSentence(
  folder: string,
  writer: string,
  { before, first }: { readonly before: number; readonly first: number },
): string | undefined {
  if (first <= before + 1) return undefined;
  return `${counted(first - before - 1, 'record')} of writer ${writer} before its record ${first} are missing in ${folder}: they were lost with the power, with a disk, or with files that were deleted.`;
}

export function damageSentence({ path, offset, bytes, isTail }: Damage): string {
  const where = `${sizeInWords(bytes)} at ${offset} of ${basename(path)}`;
  return isTail
    ? `${where} are no whole record: their writer ended while it wrote them, or the power failed. An event that was confirmed with \`fsync\` is not among them. The file is kept in damaged/.`
    : `${where} are damaged, and what follows is delivered. The file is kept in damaged/.`;
}

export const othersSentence = (folder: string): string =>
  `Somebody else delivers the same events: another spooler, or one on a copy of ${folder}. Each goes in once.`;
