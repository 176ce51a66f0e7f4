// Our names in PgQ's tables and leases: the consumer on the shards, the group on a central queue.

/** Hex digits of the installation's uuid in the consumer's name: enough to tell installations from a copied file apart. */
const SHORT_ID_LENGTH = 8;

/** The consumer that an installation registers on its shards, the watermark. */
export function consumerName(installation: string, uuid: string): string {
  return `tributary_${installation}_${uuid.replaceAll('-', '').slice(0, SHORT_ID_LENGTH)}`;
}

/** The group without a name of an installation, the same word on each of its central queues; with one, its group of that name. */
export function groupName(config: { readonly name: string }, group?: string): string {
  return `workers_${config.name}${group === undefined ? '' : `/${group}`}`;
}

/** A shard's resource in `tributary.lease`. */
export function shardResource(shard: string): string {
  return `shard:${shard}`;
}
