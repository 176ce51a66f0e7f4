// The processes that another one has forked and that live, from /proc.
import { readdirSync, readFileSync } from 'node:fs';

/** Not those that have ended and wait for their parent to hear of it. */
export function childrenOf({ pid }: { readonly pid: number }): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return Number(parent) === pid && state !== 'Z' ? [Number(name)] : [];
    } catch {
      // It ended meanwhile.
      return [];
    }
  });
}
