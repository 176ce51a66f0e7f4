// The configuration that a mover runs with now, the shards that it may hold, and who it is as a member.
import { randomUUID } from 'node:crypto';
import { type Changes, changesBetween } from '../config/changes.ts';
import type { Config, Shard } from '../config/config.ts';
import { liveConfig } from '../config/live-config.ts';
import type { MemberFacts } from '../coordination/lease-queries.ts';
import { shardResource } from '../queue/names.ts';
import { gatherersOf } from './source/destinations.ts';

export class MovedConfig {
  /** Always the newest one. */
  readonly live: Config;
  #now: Config;
  /** By resource: those of the file, and those that it named before, while they are held. */
  readonly #shards = new Map<string, Shard>();

  constructor(config: Config) {
    this.#now = config;
    this.live = liveConfig(() => this.#now);
    this.#noteShards();
  }

  /** This mover among the members, from now on. */
  newMember({ host, version }: { readonly host: string; readonly version: string | undefined }): MemberFacts {
    const fileHash = () => this.#now.hash;
    return { id: randomUUID(), kind: 'mover', host, fileHash, ...(version !== undefined && { version }) };
  }

  changesTo(next: Config): Changes {
    return changesBetween(this.#now, next);
  }

  /** From here on this one counts. @returns the one before. */
  take(next: Config): Config {
    const before = this.#now;
    this.#now = next;
    this.#noteShards();
    return before;
  }

  /** The names of the gatherers that it needs. */
  get gatherers(): string[] {
    return [...gatherersOf(this.#now).keys()];
  }

  /** The shard of a resource, also one that the file does not name any more while it is held. */
  shardOf(resource: string): Shard | undefined {
    return this.#shards.get(resource);
  }

  /** The lease has ended. @returns the shard where the file does not name it any more: it is forgotten. */
  letGo(resource: string): Shard | undefined {
    if (this.#now.shards.some(({ name }) => shardResource(name) === resource)) return undefined;
    const shard = this.#shards.get(resource);
    this.#shards.delete(resource);
    return shard;
  }

  #noteShards(): void {
    for (const shard of this.#now.shards) this.#shards.set(shardResource(shard.name), shard);
  }
}
