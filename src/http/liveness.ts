// Whether the loops of a process turn, for `/livez`. It only looks: the watchdog acts.
//
// Invariant: a loop that was cut off and begun anew under the same name stands still until the new one has taken a turn.
import type { SeenLoop } from '../lifecycle/watchdog.ts';

export interface LivenessOptions {
  /** The loops that there are now. */
  loops(): readonly SeenLoop[];
  /** A loop without a turn for this long stands still; the watchdog's own limit. */
  readonly stillMs: number;
}

interface SeenPart {
  readonly turns: number;
  /** How often it was seen without a turn. */
  readonly looks: number;
}

/** Stillness is counted in looks: a process that was frozen did not look either. */
const LOOKS = 10;

export class Liveness {
  readonly #options: LivenessOptions;
  readonly #timer: NodeJS.Timeout;
  #seen = new Map<string, readonly SeenPart[]>();

  constructor(options: LivenessOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#look(), options.stillMs / LOOKS).unref();
  }

  /** The loops that stand still, by name. */
  get still(): readonly string[] {
    return [...this.#seen].flatMap(([name, parts]) =>
      parts.some(({ looks }) => looks >= LOOKS) ? [name] : [],
    );
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const before = this.#seen;
    this.#seen = new Map(
      this.#options.loops().map(({ name, turns }) => [
        name,
        [turns].flat().map((now, at) => {
          const last = before.get(name)?.[at];
          // A loop that was begun anew counts from 0: that is no turn.
          const hasTurned = last === undefined || now > last.turns;
          return { turns: now, looks: hasTurned ? 0 : last.looks + 1 };
        }),
      ]),
    );
  }
}
