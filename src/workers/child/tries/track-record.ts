// The results of the events that this worker tried, kept from batch to batch: for its breaker, its progress, and `lag`.
//
// Invariant: a success counts once its transaction has committed; a failure counts at once.

import { formatDuration } from '../../../config/units.ts';
import { describeThrown } from '../../../errors/thrown.ts';
import { counted } from '../../../errors/words.ts';
import type { BatchEvent } from '../../../handler/event.ts';
import { Folding } from '../../../lifecycle/folding.ts';
import { BatchProgress, type ProgressFigures } from './batch-progress.ts';
import { Breaker, type OpenBreaker } from './breaker.ts';
import { RecentTries, type TriedFigures } from './recent-tries.ts';

export interface TrackFigures {
  readonly recent: TriedFigures;
  readonly progress: ProgressFigures;
  /** A sentence while nothing succeeds. */
  readonly heldBack?: string;
}

export class TrackRecord {
  readonly progress = new BatchProgress();
  readonly breaker = new Breaker();
  /** Folds the log of events that fail. */
  readonly folding = new Folding();
  readonly #recent = new RecentTries();
  /** Events of the open transaction whose calls went well. */
  #open = 0;

  get figures(): TrackFigures {
    const nowMs = performance.now();
    const open = this.breaker.whileOpen(nowMs);
    return {
      recent: this.#recent.figures(nowMs),
      progress: this.progress.figures,
      ...(open && { heldBack: heldSentence(open) }),
    };
  }

  /** A batch begins. */
  opened(): void {
    this.undone();
    this.progress.opened();
  }

  /** A call with these events went well, as far as is known before the commit. */
  done(events: readonly BatchEvent[]): void {
    this.#open += events.length;
    if (events.length > 0) this.breaker.succeeded();
    this.progress.called(events);
  }

  /** The last calls were undone. */
  undone(): void {
    this.#open = 0;
    this.breaker.undone();
  }

  /** @returns whether it counts as a try of the event. */
  failed({ id, row }: BatchEvent, error: unknown): boolean {
    const { message } = describeThrown(error, 'The handler');
    this.#recent.failed(message, performance.now());
    return this.breaker.failed({ id, isFirst: !row.wasPutOff, error: message }, performance.now());
  }

  /** A transaction begins; successes of one that was not committed do not count. */
  begun(): void {
    this.undone();
  }

  committed(): void {
    this.#recent.done(this.#open, performance.now());
    this.#open = 0;
    this.breaker.committed();
  }
}

const LONGEST = 200;

function heldSentence({ error, events, forMs, nextInMs }: OpenBreaker): string {
  const why = error.length > LONGEST ? `${error.slice(0, LONGEST - 1)}…` : error;
  const seconds = (ms: number) => formatDuration(Math.ceil(ms / 1_000) * 1_000);
  const end = /[.!?]$/.test(why) ? '' : '.';
  return `nothing has succeeded for ${seconds(forMs)}: ${why}${end} No event loses a try by it; the next ${counted(events, 'event')} are tried in ${seconds(nextInMs)}.`;
}
