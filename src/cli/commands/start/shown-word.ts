// The message of a forked mover to its supervisor, for the pages that are served there: its state and its metrics.
import { z } from 'zod';
import type { Part } from '../../../http/health/parts.ts';
import { TIMING } from '../../../lifecycle/timing.ts';
import { type Figures, figuresSchema } from '../../../observability/metrics/figures.ts';

const shownWord = z.object({
  type: z.literal('shown'),
  still: z.array(z.string()),
  holdsCentral: z.boolean(),
  figures: figuresSchema,
});

/** Does nothing in a process that was not forked. */
export function sendShown({ still, holdsCentral, figures }: Part): void {
  const word: z.infer<typeof shownWord> = { type: 'shown', still: [...still], holdsCentral, figures };
  process.send?.(word, undefined, {}, () => {});
}

/** The supervisor's side. */
export class ShownMover implements Part {
  #word: z.infer<typeof shownWord> | undefined;
  #atMs: number | undefined;

  /** A process begins: messages of the one before it no longer count. */
  begins(): void {
    this.#word = undefined;
    this.#atMs = performance.now();
  }

  ends(): void {
    this.#word = this.#atMs = undefined;
  }

  note(raw: unknown): void {
    const word = shownWord.safeParse(raw);
    if (!word.success) return;
    this.#word = word.data;
    this.#atMs = performance.now();
  }

  get still(): readonly string[] {
    return this.#silentMs > TIMING.http.moverSilentMs ? ['the mover process'] : (this.#word?.still ?? []);
  }

  get holdsCentral(): boolean {
    return this.#fresh?.holdsCentral ?? false;
  }

  /** Empty where they are old. */
  get figures(): Figures {
    return this.#fresh?.figures ?? {};
  }

  get #fresh() {
    return this.#silentMs > TIMING.http.moverFreshMs ? undefined : this.#word;
  }

  /** 0 while no process runs: the supervisor is starting one. */
  get #silentMs(): number {
    return this.#atMs === undefined ? 0 : performance.now() - this.#atMs;
  }
}
