// Which events in central break the order that promise 1 demands between events of one source. Pure.
import { parseSnapshot } from '../shards/snapshot.ts';

/** A tick of a shard as the proof reads it. */
export interface ProofTick {
  readonly id: number;
  readonly snapshot: string;
}

/** The first tick in whose snapshot each transaction has ended; a transaction that no tick covers yet is absent. */
export function firstTicks(ticks: readonly ProofTick[], txids: Iterable<number>): Map<number, number> {
  const parsed = [...ticks]
    .sort((a, b) => a.id - b.id)
    .map(({ id, snapshot }) => {
      const { xmax, xip } = parseSnapshot(snapshot);
      return { id, xmax: Number(xmax), open: new Set(xip.map(Number)) };
    });
  const found = new Map<number, number>();
  let from = 0;
  for (const txid of [...new Set(txids)].sort((a, b) => a - b)) {
    while (from < parsed.length && (parsed[from] as (typeof parsed)[number]).xmax <= txid) from += 1;
    for (let at = from; at < parsed.length; at += 1) {
      const { id, xmax, open } = parsed[at] as (typeof parsed)[number];
      if (txid >= xmax || open.has(txid)) continue;
      found.set(txid, id);
      break;
    }
  }
  return found;
}

/** An event of one source, in the order in which central has them. */
export interface Ordered {
  readonly origin: string;
  readonly id: number;
  readonly tick: number;
}

/**
 * Events that come after one which neither belongs to an earlier tick nor has a lower id. Of two events the one with the
 * earlier tick comes first, unless both were in one window: then the one with the lower id. So whatever the windows were,
 * an event with the lower id and no later tick must come first.
 */
export function disorderedIn(events: readonly Ordered[]): string[] {
  const ranks = new Map(
    [...new Set(events.map(({ tick }) => tick))].sort((a, b) => b - a).map((t, r) => [t, r]),
  );
  // A Fenwick tree of maxima over ticks, latest first: the highest id seen so far among ticks from a given one on.
  const highest = new Array<number>(ranks.size + 1).fill(Number.NEGATIVE_INFINITY);
  const disordered: string[] = [];
  for (const { origin, id, tick } of events) {
    const rank = (ranks.get(tick) as number) + 1;
    let seen = Number.NEGATIVE_INFINITY;
    for (let at = rank; at > 0; at -= at & -at) seen = Math.max(seen, highest[at] as number);
    if (seen > id) disordered.push(origin);
    for (let at = rank; at < highest.length; at += at & -at)
      highest[at] = Math.max(highest[at] as number, id);
  }
  return disordered;
}
