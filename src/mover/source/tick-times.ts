// Since when the events of a source wait: by the shard's clock, from what rounds have seen of its events and ticks, and by our own from
// when we first saw it, which holds also where the shard's clock was set back. Pure.
//
// Reading runs ahead of central's commits, so what waits behind the position was often seen some rounds ago.

export class TickTimes {
  /** Of ticks where reading stood: the time of the oldest event behind it, or of the next tick, and when it was first seen. */
  readonly #next = new Map<number, { readonly us: number; readonly seenMs: number }>();
  /** When nothing was left to move; whatever waits was committed later. */
  #clearUs = 0;
  /** The newest tick behind which an event was seen in none, and when first. */
  #untickedAfter: { readonly tickId: number; readonly seenMs: number } | undefined;

  /** Reading stood at `tickId`, and what is behind it waits since `us` by the shard's clock. */
  saw(tickId: number, us: number, nowMs: number): void {
    if (!this.#next.has(tickId)) this.#next.set(tickId, { us, seenMs: nowMs });
  }

  /** @returns for how long events behind the newest tick have been seen to be in none; 0 where there is none. */
  sawUnticked(tickId: number, { isWaiting, nowMs }: { isWaiting: boolean; nowMs: number }): number {
    if (!isWaiting) this.#untickedAfter = undefined;
    else if (this.#untickedAfter?.tickId !== tickId) this.#untickedAfter = { tickId, seenMs: nowMs };
    return this.#untickedAfter === undefined ? 0 : nowMs - this.#untickedAfter.seenMs;
  }

  /** Nothing was left at `nowUs` by the shard's clock. */
  sawNothing(nowUs: number): void {
    this.#next.clear();
    this.#clearUs = nowUs;
  }

  /** The position left the ticks below `tickId` behind. */
  passed(tickId: number): void {
    for (const known of this.#next.keys()) if (known < tickId) this.#next.delete(known);
  }

  /**
   * How long what is behind `tickId` has waited, in ms.
   * @param otherwise where nothing was seen behind it: since when by the shard's clock, and for how long by ours.
   */
  ageMs(
    tickId: number,
    { nowUs, nowMs, otherwise }: { nowUs: number; nowMs: number; otherwise: { us: number; ms: number } },
  ): number {
    const next = this.#next.get(tickId);
    const sinceUs = next?.us ?? Math.max(otherwise.us, this.#clearUs);
    return Math.max((nowUs - sinceUs) / 1000, next === undefined ? otherwise.ms : nowMs - next.seenMs);
  }

  /** The position may have gone back. */
  forget(): void {
    this.#next.clear();
    this.#clearUs = 0;
  }
}
