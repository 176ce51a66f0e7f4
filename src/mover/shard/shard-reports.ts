// What was seen of shards and central does not have yet.

import type { ShardReport } from '../../shards/held.ts';
import type { StoredShardReport } from '../../shards/reports.ts';

export class ShardReports {
  #seen = new Map<string, { readonly report: ShardReport; readonly atMs: number }>();

  saw(shard: string, report: ShardReport): void {
    this.#seen.set(shard, { report, atMs: performance.now() });
  }

  /** Stores all there is at once; what cannot be stored is kept. @throws what `store` throws. */
  async hand(store: (reports: readonly StoredShardReport[]) => Promise<void>): Promise<void> {
    const handed = this.#seen;
    if (handed.size === 0) return;
    this.#seen = new Map();
    const nowMs = performance.now();
    try {
      await store(
        [...handed].map(([shard, { report, atMs }]) => ({
          shard,
          ageSeconds: (nowMs - atMs) / 1_000,
          ...report,
        })),
      );
    } catch (error) {
      this.#seen = new Map([...handed, ...this.#seen]);
      throw error;
    }
  }
}
