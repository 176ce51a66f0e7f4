// One database reached under two names: its events would be moved twice. Pure.

export interface Reached {
  readonly name: string;
  readonly identity: string;
  readonly place: string;
}

/** For each name that is not the only one of its database, the sentence that says so. */
export function findTwins(reached: readonly Reached[]): ReadonlyMap<string, string> {
  const byIdentity = new Map<string, Reached[]>();
  for (const one of reached) byIdentity.set(one.identity, [...(byIdentity.get(one.identity) ?? []), one]);
  const sentences = new Map<string, string>();
  for (const twins of byIdentity.values()) {
    if (twins.length < 2) continue;
    for (const one of twins) {
      const others = twins.filter((other) => other !== one).map((other) => `${other.name} (${other.place})`);
      sentences.set(
        one.name,
        `Shard ${one.name} (${one.place}) is the same database as ${others.join(' and ')}: its events would be moved twice, so leave one of them in the file.`,
      );
    }
  }
  return sentences;
}
