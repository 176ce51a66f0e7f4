// Groups sources that one cause keeps from moving: a server that is gone is one sentence, not one per database. Pure.
import type { LagState, SourceLag } from './report.ts';

export interface Alike {
  readonly state: LagState;
  /** The reason of the first source. */
  readonly reason: string | undefined;
  readonly sources: readonly SourceLag[];
  /** By name, without repetitions. */
  readonly shards: readonly string[];
}

/**
 * Sources are alike where state and reason are the same but for their own names and ages. Those of one shard come behind each
 * other; without a reason each stands for itself.
 * @param sources the worst first; the groups keep the order of the first of each.
 */
export function alike(sources: readonly SourceLag[]): Alike[] {
  const groups = new Map<string, SourceLag[]>();
  for (const source of sources) {
    const key =
      source.reason === undefined ? `${source.shard}:${source.queue}` : causeOf(source, source.reason);
    groups.set(key, [...(groups.get(key) ?? []), source]);
  }
  return [...groups.values()].map((own) => {
    const [first] = own as [SourceLag];
    const shards = [...new Set(own.map(({ shard }) => shard))].sort((a, b) =>
      a.localeCompare(b, 'en', { numeric: true }),
    );
    return { state: first.state, reason: first.reason, sources: own, shards };
  });
}

/** `1 h 2 m`, `31 s` */
const AGE = /\b\d+ (?:d|h|m|s)\b(?: \d+ (?:h|m|s)\b)?/g;

function causeOf({ shard, queue, state }: SourceLag, reason: string): string {
  const names = [shard, queue].map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');
  const own = new RegExp(`(?<![\\w/-])(?:${names})(?![\\w/-])`, 'g');
  return `${state} ${reason.replace(AGE, '…').replace(own, '…')}`;
}
