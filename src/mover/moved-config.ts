// The configuration that a mover runs with now, the shards that it may hold, and who it is as a member.
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
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
  /** By resource: what the file calls this shard is not where it is any more. */
  readonly #putOff = new Set<string>();

  constructor(config: Config) {
    this.#now = config;
    this.live = liveConfig(() => this.#now);
    this.#noteShards();
  }

  /** This mover among the members, from now on. */
  newMember({ host, version }: { readonly host: string; readonly version: string | undefined }): MemberFacts {
    const fileHash = () => this.#now.hash;
    const putsOff = () => [...this.#putOff];
    const own = { id: randomUUID(), kind: 'mover', host, fileHash, putsOff } as const;
    return { ...own, ...(version !== undefined && { version }) };
  }

  changesTo(next: Config): Changes {
    return changesBetween(this.#now, next);
  }

  /** From here on this one counts. @returns the one before. */
  take(next: Config): Config {
    const before = this.#now;
    this.#now = next;
    for (const shard of next.shards) {
      const resource = shardResource(shard.name);
      if (!isDeepStrictEqual(this.#shards.get(resource), shard)) this.#putOff.delete(resource);
    }
    this.#noteShards();
    return before;
  }

  /** Where the file of another mover is right, that one takes it; here it is tried again when nobody does, or the file changes. */
  putOff(shard: string): void {
    this.#putOff.add(shardResource(shard));
  }

  /** We have it once more. */
  tryAgain(resource: string): void {
    this.#putOff.delete(resource);
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
