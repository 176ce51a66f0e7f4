// The shard that a command line names.
import type { Config, Shard } from '../config/config.ts';
import { nearest } from '../config/nearest.ts';
import { EXIT, Exit } from './exit.ts';

/** @throws Exit 2 with the nearest name. */
export function shardNamed({ shards, file }: Config, name: string): Shard {
  const shard = shards.find((one) => one.name === name);
  if (shard !== undefined) return shard;
  const meant = nearest(
    name,
    shards.map((one) => one.name),
  );
  const help = meant === undefined ? '`tributary shards` lists them.' : `did you mean \`${meant}\`?`;
  throw new Exit(EXIT.wrong, `There is no shard \`${name}\` in ${file}: ${help}`);
}
