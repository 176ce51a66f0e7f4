// Rows of a source with routes, told apart by the number in front of each, without decoding any: pure.
import { DESTINATION_BIT, NOBODY } from '../../shards/routes.ts';

/** Whole rows for one of the central queues of a source. */
export interface RoutedRows {
  /** Which of its routes, from 1 on. */
  readonly to: number;
  readonly bytes: Buffer;
  readonly rows: number;
}

/** Where the row with this number in front goes: 0 where its source has no routes. */
export const destinationOf = (marked: number): number => marked >> DESTINATION_BIT;

interface Place {
  readonly from: number;
  readonly end: number;
}

/** Collects the places of consecutive rows of one window, and copies them apart. */
export class RoutedRun {
  readonly #places = new Map<number, Place[]>();
  /** Rows that no route takes. */
  unrouted = 0;
  rows = 0;

  add(to: number, from: number, end: number): void {
    if (to === NOBODY) {
      this.unrouted += 1;
      return;
    }
    this.rows += 1;
    const places = this.#places.get(to);
    if (places === undefined) this.#places.set(to, [{ from, end }]);
    else places.push({ from, end });
  }

  /** @returns one buffer with the rows of each route after those of the one before, and its parts. */
  copyFrom(data: Buffer): { readonly bytes: Buffer; readonly routed: readonly RoutedRows[] } {
    let total = 0;
    for (const places of this.#places.values()) for (const { from, end } of places) total += end - from;
    const bytes = Buffer.allocUnsafeSlow(total);
    let at = 0;
    const routed = [...this.#places].map(([to, places]) => {
      const begin = at;
      for (const { from, end } of places) at += data.copy(bytes, at, from, end);
      return { to, bytes: bytes.subarray(begin, at), rows: places.length };
    });
    return { bytes, routed };
  }
}
