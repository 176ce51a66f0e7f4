// Whether the loops of a process turn, for `/livez`. It only looks: the watchdog acts.
//
// Invariant: a loop stands still once it took no turn for long, and then for as long again, whether it was begun anew in between
// or not; it does no more once it has turned for as long.
import type { SeenLoop } from '../../lifecycle/watchdog.ts';

export interface LivenessOptions {
  /** The loops that there are now. */
  loops(): readonly SeenLoop[];
  /** As long as the watchdog's: by then a loop without a turn has been begun anew. */
  readonly stillMs: number;
}

interface SeenPart {
  readonly turns: number;
  /** Looks in a row that saw no turn, and those that saw one. */
  readonly still: number;
  readonly turning: number;
  /** Times that it stood still for long, without having turned for as long in between. */
  readonly times: number;
}

/** Stillness is counted in looks: a process that was frozen did not look either. */
const LOOKS = 10;
/** The first time it is begun anew. */
const TIMES = 2;

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
      parts.some(({ times }) => times >= TIMES) ? [name] : [],
    );
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const before = this.#seen;
    this.#seen = new Map(
      this.#options
        .loops()
        .map(({ name, turns }) => [
          name,
          [turns].flat().map((now, at) => seenPart(now, before.get(name)?.[at])),
        ]),
    );
  }
}

function seenPart(turns: number, last: SeenPart | undefined): SeenPart {
  if (last === undefined) return { turns, still: 0, turning: 0, times: 0 };
  // A loop that was begun anew counts from 0: that is no turn.
  if (turns > last.turns) {
    const turning = last.turning + 1;
    return { turns, still: 0, turning, times: turning >= LOOKS ? 0 : last.times };
  }
  const still = last.still + 1;
  return { turns, still, turning: 0, times: last.times + (still % LOOKS === 0 ? 1 : 0) };
}
