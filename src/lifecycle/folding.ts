// Logs the same message a few times only, and then now and then how often it was left out.
//
// Invariant: every message left out is counted, and the count is logged within ten seconds, unless the process ends before.
import { TIMING } from './timing.ts';

/** Logged in full. */
const FIRST = 3;
/** Kinds that are counted apart; all further ones count as one kind. */
const MOST_KINDS = 50;
const LONGEST = 200;

interface Kind {
  said: number;
  folded: number;
  sayMore: (more: number) => void;
}

export class Folding {
  readonly #kinds = new Map<string, Kind>();
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param text the message; messages that differ in numbers only are one kind.
   * @param say.more logs how many more there were like the last one.
   */
  say(text: string, say: { full(): void; more(count: number): void }): void {
    const kind = this.#kindOf(text);
    this.#timer ??= setInterval(() => this.flush(), TIMING.logs.foldEveryMs).unref();
    if (kind.said < FIRST) {
      kind.said += 1;
      say.full();
    } else {
      kind.folded += 1;
      kind.sayMore = say.more;
    }
  }

  /** Logs the counts. A kind that did not come since is logged in full again when it comes. */
  flush(): void {
    for (const [key, kind] of this.#kinds) {
      if (kind.folded > 0) kind.sayMore(kind.folded);
      else this.#kinds.delete(key);
      kind.folded = 0;
    }
    if (this.#kinds.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #kindOf(text: string): Kind {
    const short = text.slice(0, LONGEST).replaceAll(/\d+/g, '#');
    const key = this.#kinds.has(short) || this.#kinds.size < MOST_KINDS ? short : '';
    const kind = this.#kinds.get(key) ?? { said: 0, folded: 0, sayMore: () => {} };
    this.#kinds.set(key, kind);
    return kind;
  }
}
