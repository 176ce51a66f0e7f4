// What a shard may be called. The name is part of every origin, of commands and of lines of logs: whoever reads it there must see
// what it is, and be able to type it. Everything else is allowed: spaces, commas, quotes, any script.

/** In UTF-8. A name is in keys of indexes, together with that of a queue. */
const LONGEST_BYTES = 500;

/** Characters that show nothing, or steer what is around them; of spaces only the plain one is seen for what it is. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{DI}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;

/** @returns why it is no name, to follow what has the name: `must not contain …`; undefined: it is one. */
export function whyNoShardName(name: string): string | undefined {
  if (name.trim() === '') return 'must not be empty';
  if (name.includes(':')) return "must not contain a colon, which separates the parts of an event's origin";
  const [unseen] = UNSEEN.exec(name) ?? [];
  if (unseen !== undefined)
    return `must not contain ${codeOf(unseen)}, which nobody sees where the name is shown`;
  if (name !== name.trim())
    return 'must not begin or end with a space, which nobody sees where the name is shown';
  if (name.startsWith('-')) return 'must not begin with a dash, which commands take for an option';
  if (name.startsWith('@'))
    return 'must not begin with @, as what stands for a shard where an event comes from none (`@central`, `@schedule`)';
  if (name !== name.normalize('NFC'))
    return 'must not have its accents as characters of their own: written like that it looks as another name does (normalise it to NFC)';
  if (Buffer.byteLength(name) > LONGEST_BYTES) return `must not be longer than ${LONGEST_BYTES} bytes`;
  return undefined;
}

const codeOf = (character: string): string =>
  `the character U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
