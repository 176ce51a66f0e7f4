// Asks shards what their queues hold, for pages that look at one source.
//
// Invariant: a queue of a shard is asked at most once at a time, and not again within TIMING.http.shardMs, however many look; few
// are asked at once.
import pLimit from 'p-limit';
import type { Config, Shard } from '../config/config.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { type HeldOnShard, heldOnShard } from '../observability/doctor/held-on-shard.ts';

const AT_ONCE = 4;
/** Beyond this the oldest answers are forgotten. */
const MOST_KEPT = 100;

export class ShardView {
  readonly #config: Config;
  readonly #limit = pLimit(AT_ONCE);
  readonly #answers = new Map<string, { readonly atMs: number; readonly answer: Promise<HeldOnShard> }>();

  constructor(config: Config) {
    this.#config = config;
  }

  held(shard: Shard, queue: string): Promise<HeldOnShard> {
    const key = JSON.stringify([shard.name, queue]);
    const known = this.#answers.get(key);
    if (known !== undefined && performance.now() - known.atMs < TIMING.http.shardMs) return known.answer;
    const answer = this.#limit(() => heldOnShard(shard, { queue, config: this.#config }));
    this.#answers.delete(key);
    this.#answers.set(key, { atMs: performance.now(), answer });
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= MOST_KEPT) break;
      this.#answers.delete(oldest);
    }
    return answer;
  }
}
