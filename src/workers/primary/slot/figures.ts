// How the workers of this host are doing, by central queue, as `lag` reads it from the member's details. Pure.
//
// Invariant: of bounded size, however many slots there are: it goes to central with each beat.
import type { TriedEvents } from '../../protocol.ts';
import { sumByPlace } from './recent-deliveries.ts';
import type { Slot } from './slot.ts';
import type { LongBatch, Standing } from './standing.ts';

export interface WorkerFigures {
  /** Figures of the last events that were tried. */
  readonly recent: Readonly<Record<string, TriedEvents>>;
  /** Events a second that the slots have handled lately; absent for a queue while one of its slots does not know. */
  readonly handled: Readonly<Record<string, number>>;
  /** How long events of the last minute were under way to their handler, by bucket. */
  readonly delivered: Readonly<Record<string, readonly number[]>>;
  /** What keeps running workers from making progress, in a sentence. */
  readonly troubled: Readonly<Record<string, string>>;
  /** Batches that take long, those that take longest first. */
  readonly batches: Readonly<Record<string, readonly LongBatch[]>>;
}

/** Most batches of one queue. */
const MOST_BATCHES = 5;

type Watched = Pick<Slot, 'queue'> & {
  readonly standing: Pick<Standing, 'recent' | 'perSecond' | 'delivered' | 'trouble' | 'longBatch'>;
};

export function figuresOf(slots: readonly Watched[]): WorkerFigures {
  const recent: Record<string, TriedEvents> = {};
  const perSecond: Record<string, (number | undefined)[]> = {};
  const delivered: Record<string, readonly number[]> = {};
  const troubled: Record<string, string> = {};
  const batches: Record<string, LongBatch[]> = {};
  for (const { queue, standing } of slots) {
    if (standing.recent !== undefined) recent[queue] = sumOf(recent[queue], standing.recent);
    perSecond[queue] = [...(perSecond[queue] ?? []), standing.perSecond];
    if (standing.delivered !== undefined)
      delivered[queue] = sumByPlace(delivered[queue] ?? [], standing.delivered);
    if (standing.trouble !== undefined) troubled[queue] ??= standing.trouble;
    if (standing.longBatch !== undefined) batches[queue] = [...(batches[queue] ?? []), standing.longBatch];
  }
  for (const [queue, all] of Object.entries(batches))
    batches[queue] = all.sort((a, b) => b.seconds - a.seconds).slice(0, MOST_BATCHES);
  return { recent, handled: sums(perSecond), delivered, troubled, batches };
}

/** Sums by queue; without those where one slot does not know its number yet. */
function sums(all: Readonly<Record<string, readonly (number | undefined)[]>>): Record<string, number> {
  const known = Object.entries(all).filter(([, rates]) => !rates.includes(undefined));
  return Object.fromEntries(
    known.map(([queue, rates]) => {
      const sum = rates.reduce<number>((total, rate) => total + (rate ?? 0), 0);
      return [queue, Math.round(sum * 1_000) / 1_000];
    }),
  );
}

function sumOf(one: TriedEvents | undefined, other: TriedEvents): TriedEvents {
  if (one === undefined) return other;
  const error = one.error ?? other.error;
  return {
    tried: one.tried + other.tried,
    failed: one.failed + other.failed,
    ...(error !== undefined && { error }),
  };
}
