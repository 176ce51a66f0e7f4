// Which database a description leads to, and that no queue is its own source: it would be moved into itself for ever.
import type { Config, Database, Shard } from '../config.ts';

/** Whether two descriptions lead to the same database, as far as the file can tell. */
export const placeKey = ({ host, port, database }: Database): string =>
  `${host.toLowerCase()}:${port}/${database}`;

/** All places where it may be reached: a standby is no other database. */
export const placeKeys = (database: Database): string[] => [
  ...new Set((database.servers ?? [database]).map(({ host, port }) => placeKey({ ...database, host, port }))),
];

/** @returns a sentence where the shard is the central database, and one of its queues would be moved into itself. */
export function loopOf(
  shard: Shard,
  { central, queues }: Pick<Config, 'central' | 'queues'>,
): string | undefined {
  if (placeKey(shard) !== placeKey(central)) return undefined;
  const names = new Set(queues.map(({ name }) => name));
  const loop = queues.flatMap(({ from }) => from).find((source) => names.has(source));
  if (loop === undefined) return undefined;
  return `The shard \`${shard.name}\` is the central database, so its queue \`${loop}\` would be source and central queue in one: give the central queue another name, with \`from: ${loop}\`.`;
}
