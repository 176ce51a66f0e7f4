// Which of a mover's figures have to be written on central, so that a source of which nothing changes costs nothing.
//
// Invariant: what central shows of a source that is not among the changes differs from what the mover knows by no more than
// `TOLERATED`, and its state not at all.
import type { LagFigure, StoredChanges } from '../central/source-states.ts';
import { TIMING } from '../lifecycle/timing.ts';

export interface LagChanges extends Required<StoredChanges> {
  /** A source has another state, or came, or went. */
  readonly isUrgent: boolean;
}

interface Written {
  readonly figure: LagFigure;
  readonly atMs: number;
}

const TOLERATED = { seconds: 0.5, share: 0.01 };

export class LagMemory {
  #written = new Map<number, Written>();

  /** Central may not have what was written. */
  forget(): void {
    this.#written = new Map();
  }

  changes(figures: readonly LagFigure[], nowMs: number): LagChanges {
    const known = new Set(figures.map(({ source }) => source));
    const left = [...this.#written.keys()].filter((source) => !known.has(source));
    const ages = figures.map(({ stands, age_s }) => (stands ? (age_s ?? 0) : 0));
    const urgent = figures.filter((figure) => this.#isOther(figure));
    return {
      figures: figures.filter((figure) => this.#isDue(figure, nowMs)),
      left,
      ageSeconds: ages.reduce((oldest, age) => Math.max(oldest, age), 0),
      isUrgent: urgent.length > 0 || left.length > 0,
    };
  }

  /** Central has them. */
  wrote({ figures, left }: LagChanges, nowMs: number): void {
    for (const source of left) this.#written.delete(source);
    for (const figure of figures) this.#written.set(figure.source, { figure, atMs: nowMs });
  }

  #isOther(figure: LagFigure): boolean {
    const written = this.#written.get(figure.source)?.figure;
    return (
      written === undefined ||
      written.state !== figure.state ||
      written.stands !== figure.stands ||
      (written.reason === null) !== (figure.reason === null) ||
      (written.age_s === null) !== (figure.age_s === null)
    );
  }

  #isDue(figure: LagFigure, nowMs: number): boolean {
    const written = this.#written.get(figure.source);
    if (written === undefined || this.#isOther(figure)) return true;
    const sinceMs = nowMs - written.atMs;
    if (sinceMs >= TIMING.reports.renewMs) return true;
    if (sinceMs >= TIMING.reports.figuresEveryMs && !isAlike(figure, written.figure)) return true;
    return sinceMs >= TIMING.reports.roughlyMs && isOff(figure, written.figure, sinceMs / 1000);
  }
}

/** Whether it is seen that central's figures are not these, `since` seconds after they were written. */
function isOff(figure: LagFigure, written: LagFigure, since: number): boolean {
  const writtenAge = (written.age_s ?? 0) + since;
  if (!figure.stands) return (figure.age_s ?? 0) < writtenAge - TOLERATED.seconds;
  const shown = (written.seconds_behind ?? 0) + (written.ages ? writtenAge : 0);
  const now = (figure.seconds_behind ?? 0) + (figure.ages ? (figure.age_s ?? 0) : 0);
  return Math.abs(now - shown) > Math.max(TOLERATED.seconds, TOLERATED.share * shown);
}

function isAlike(a: LagFigure, b: LagFigure): boolean {
  return (
    a.reason === b.reason &&
    a.cause === b.cause &&
    a.events_behind === b.events_behind &&
    a.exact === b.exact &&
    a.last_tick === b.last_tick &&
    a.provider === b.provider &&
    a.ages === b.ages
  );
}
