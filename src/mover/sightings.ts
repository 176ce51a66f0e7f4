// Since when the events of a source wait, by the shard's clock: what rounds have seen of its ticks. Pure.
//
// Reading runs ahead of central's commits, so the tick after the position was often seen some rounds ago.

export class Sightings {
  /** Of ticks where reading stood: the time of the tick after it. */
  readonly #nextUs = new Map<number, number>();
  /** When nothing was left to move; whatever waits was committed later. */
  #clearUs = 0;

  /** Reading stood at `tickId`, and the tick after it was made at `nextUs`. */
  saw(tickId: number, nextUs: number): void {
    if (!this.#nextUs.has(tickId)) this.#nextUs.set(tickId, nextUs);
  }

  /** Nothing was left at `nowUs`. */
  sawNothing(nowUs: number): void {
    this.#nextUs.clear();
    this.#clearUs = nowUs;
  }

  /** The position left the ticks below `tickId` behind. */
  passed(tickId: number): void {
    for (const known of this.#nextUs.keys()) if (known < tickId) this.#nextUs.delete(known);
  }

  /** The time of the oldest tick after `tickId`; `otherwiseUs`: where no such tick was seen. */
  sinceUs(tickId: number, otherwiseUs: number): number {
    return Math.max(this.#nextUs.get(tickId) ?? otherwiseUs, this.#clearUs);
  }

  /** The position may have gone back. */
  forget(): void {
    this.#nextUs.clear();
    this.#clearUs = 0;
  }
}
