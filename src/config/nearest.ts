// The known name that was probably meant.
import { distance } from 'fastest-levenshtein';

/** The nearest of `names`, or undefined where none is near enough to be a slip of the finger. */
export function nearest(word: string, names: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 2)) + 1;
  for (const name of names) {
    const far = distance(word.toLowerCase(), name.toLowerCase());
    if (far < bestDistance && far < Math.max(word.length, name.length)) {
      best = name;
      bestDistance = far;
    }
  }
  return best;
}
