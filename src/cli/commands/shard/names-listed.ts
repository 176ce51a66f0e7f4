// Which shards an argument names that may be a list. Pure.
import { EXIT, Exit } from '../../exit.ts';

/**
 * Each name once. A text that is itself a name is that one; any other is a list of names with commas between them.
 * @param known names that there are. @throws Exit where a text is both, so that it cannot be told which is meant.
 */
export function namesListed(texts: readonly string[], known: ReadonlySet<string>): string[] {
  return [...new Set(texts.flatMap((text) => namesOf(text, known)))];
}

function namesOf(text: string, known: ReadonlySet<string>): string[] {
  const list = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (!known.has(text)) return list;
  if (list.length > 1 && list.every((name) => known.has(name)))
    throw new Exit(
      EXIT.wrong,
      `\`${text}\` is the name of a shard, and a list of others as well: name those one by one; to name that one, give it a name without commas first (\`tributary shard rename\`).`,
    );
  return [text];
}
