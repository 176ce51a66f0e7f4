// Resources that stay free although members for them are there: members whose files differ compute different shares, and
// each leaves a resource to the other. Any member takes what was free for longer than `adoptAfterMs`. Pure.
import type { Holding, Member, Resource } from './assignment.ts';

export interface OrphansLook {
  /** Our own id. */
  readonly me: string;
  readonly resources: readonly Resource[];
  readonly members: readonly Member[];
  readonly holdings: readonly Holding[];
  readonly adoptAfterMs: number;
  readonly nowMs: number;
}

export class Orphans {
  /** When we first saw the resource free. */
  readonly #freeSinceMs = new Map<string, number>();
  /** Resources that we took as orphans: held beside our share, while the same members are there. */
  readonly #adopted = new Set<string>();
  /** The members that were there when we last looked. */
  #present = '';
  #free: ReadonlySet<string> = new Set();

  /** Free for too long. */
  get free(): ReadonlySet<string> {
    return this.#free;
  }

  get adopted(): ReadonlySet<string> {
    return this.#adopted;
  }

  look({ me, resources, members, holdings, adoptAfterMs, nowMs }: OrphansLook): void {
    const ids = members.filter(({ silentMs }) => silentMs <= 0).map(({ id }) => id);
    const present = JSON.stringify(ids.sort());
    // A new member may have the file that the others lacked.
    if (present !== this.#present) this.#adopted.clear();
    this.#present = present;
    const holderOf = new Map(holdings.map(({ resource, holder }) => [resource, holder]));
    // One that we let go of is shared like any other where it comes back to us.
    for (const name of this.#adopted) if (holderOf.get(name) !== me) this.#adopted.delete(name);
    // How many slots a group has does not depend on files: central stores it.
    const names = resources.filter(({ group }) => group === undefined).map(({ name }) => name);
    const free = names.filter((name) => !holderOf.has(name));
    for (const name of this.#freeSinceMs.keys()) if (!free.includes(name)) this.#freeSinceMs.delete(name);
    for (const name of free) if (!this.#freeSinceMs.has(name)) this.#freeSinceMs.set(name, nowMs);
    const isDue = (name: string) => nowMs - (this.#freeSinceMs.get(name) as number) > adoptAfterMs;
    this.#free = new Set(free.filter(isDue));
  }

  /** We hold it now. */
  taken(name: string): void {
    if (this.#free.has(name)) this.#adopted.add(name);
  }
}
