// Which shards this machine's mover moves.
import type { Config, Shard } from './config.ts';
import { nearest } from './nearest.ts';

export interface HostChoice {
  /** As the file spells it. */
  readonly host: string;
  readonly shards: readonly Shard[];
  readonly problem?: undefined;
}

/**
 * @param flag what `--host` said; without it this machine is looked for, under its full name, then its first label.
 * @param hostname this machine's name.
 * @returns the shards of that host, or a sentence in `problem`.
 */
export function chooseHost(
  config: Config,
  flag: string | undefined,
  hostname: string,
): HostChoice | { readonly problem: string } {
  const wanted = flag === undefined ? [hostname, hostname.split('.')[0] ?? hostname] : [flag];
  const hosts = [...new Set(config.shards.map(({ moverHost }) => moverHost))];
  for (const name of wanted) {
    const host = hosts.find((known) => known.toLowerCase() === name.toLowerCase());
    if (host !== undefined)
      return { host, shards: config.shards.filter(({ moverHost }) => moverHost === host) };
  }
  return { problem: noMatch(hosts, { flag, hostname, file: config.file }) };
}

function noMatch(
  hosts: readonly string[],
  { flag, hostname, file }: { flag: string | undefined; hostname: string; file: string },
): string {
  const known = [...hosts].sort(new Intl.Collator('en', { numeric: true }).compare).join(', ');
  if (flag === undefined) {
    return `No shard in ${file} is on this machine (${hostname}): say --host with one of ${known}.`;
  }
  const meant = nearest(flag, hosts);
  const hint = meant === undefined ? '' : ` Did you mean ${meant}?`;
  return `No shard in ${file} is on host ${flag}: the hosts there are ${known}.${hint}`;
}
