// Asks central for what a page wants to see or do: only so much at a time, once for all that ask the same, and with an answer in any
// case.
//
// Fails by: whatever it is becomes an answer with a sentence; what is wrong in our own code is not shown.
import pLimit from 'p-limit';
import { sentenceFor } from '../../errors/sentence.ts';
import { kindOf } from '../../errors/sqlstate.ts';
import { TributaryError } from '../../errors/tributary-error.ts';
import { TIMING } from '../../lifecycle/timing.ts';

/** A sentence for the client, and the status that it comes with. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, sentence: string) {
    super(sentence);
    this.status = status;
  }
}

/** Of the two connections one is always left to what looks all the time. */
const AT_ONCE = 1;
const MOST_WAITING = 32;
/** Beyond this the oldest answers are forgotten. */
const MOST_KEPT = 200;

export class Asking {
  readonly #limit = pLimit(AT_ONCE);
  readonly #answers = new Map<string, { readonly atMs: number; readonly answer: Promise<unknown> }>();

  /** One answer for all that ask the same within `keptMs`, however many look. @throws Refusal */
  async shared<T>(question: string, keptMs: number, work: () => Promise<T>): Promise<T> {
    const known = this.#answers.get(question);
    if (known !== undefined && performance.now() - known.atMs < keptMs) return (await known.answer) as T;
    const answer = this.ask(work);
    const kept = { atMs: performance.now(), answer };
    this.#answers.delete(question);
    this.#answers.set(question, kept);
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= MOST_KEPT) break;
      this.#answers.delete(oldest);
    }
    try {
      return await answer;
    } catch (error) {
      // The next one asks again.
      if (this.#answers.get(question) === kept) this.#answers.delete(question);
      throw error;
    }
  }

  /** Something was changed: what was answered before is old. */
  forget(): void {
    this.#answers.clear();
  }

  /** @throws Refusal */
  async ask<T>(work: () => Promise<T>): Promise<T> {
    if (this.#limit.pendingCount >= MOST_WAITING)
      throw new Refusal(503, 'Too much is asked of central now: try again in a moment.');
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(
        () => reject(new Refusal(503, 'Central did not answer in time.')),
        TIMING.http.askMs,
      );
    });
    try {
      return await Promise.race([this.#limit(work), late]);
    } catch (error) {
      if (error instanceof Refusal || kindOf(error) === 'internal') throw error;
      throw new Refusal(isUnknownName(error) ? 404 : 503, sentenceFor(error, 'Central'));
    } finally {
      clearTimeout(timer);
    }
  }
}

/** What a client named is not there; else central is not as it should be. */
const isUnknownName = (error: unknown): boolean =>
  error instanceof TributaryError && error.kind === 'misconfigured' && !OF_CENTRAL.includes(error.code);

const OF_CENTRAL: readonly string[] = ['central', 'not-installed', 'other-installation', 'outdated-install'];
