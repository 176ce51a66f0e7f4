// What a forked mover tells its supervisor now and then, for the pages that are served there: how it is, and what it counts.
import { z } from 'zod';
import type { Part } from '../../../http/parts.ts';
import { TIMING } from '../../../lifecycle/timing.ts';
import { type Figures, figuresSchema } from '../../../observability/metrics/figures.ts';

const shownWord = z.object({
  type: z.literal('shown'),
  still: z.array(z.string()),
  holdsCentral: z.boolean(),
  figures: figuresSchema,
});

/** Tells nothing where nobody forked us. */
export function tellShown({ still, holdsCentral, figures }: Part): void {
  const word: z.infer<typeof shownWord> = { type: 'shown', still: [...still], holdsCentral, figures };
  process.send?.(word, undefined, {}, () => {});
}

/** The supervisor's side. */
export class ShownMover implements Part {
  #word: z.infer<typeof shownWord> | undefined;
  #atMs: number | undefined;

  /** A process begins: what the one before it said does not count any more. */
  begins(): void {
    this.#word = undefined;
    this.#atMs = performance.now();
  }

  ends(): void {
    this.#word = this.#atMs = undefined;
  }

  hear(raw: unknown): void {
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

  /** Nothing where they are old. */
  get figures(): Figures {
    return this.#fresh?.figures ?? {};
  }

  get #fresh() {
    return this.#silentMs > TIMING.http.moverFreshMs ? undefined : this.#word;
  }

  /** 0 while no process runs: it is the supervisor's work to start one, and that goes on. */
  get #silentMs(): number {
    return this.#atMs === undefined ? 0 : performance.now() - this.#atMs;
  }
}
