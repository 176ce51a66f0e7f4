// Which shards this machine's mover moves.
import type { Config, Shard } from '../config.ts';
import { nearest } from '../nearest.ts';

export interface HostChoice {
  /** As the file spells it, or, where the file does not know the machine, the machine's own name; shown by `lag`. */
  readonly host: string;
  readonly shards: readonly Shard[];
  readonly problem?: undefined;
}

/** Shards with this word as their `host` may be moved by any machine. */
const ANY = 'any';

/** Whether any machine may move a shard that says so. */
export const isAny = (moverHost: string): boolean => moverHost === ANY;

/** The machine whose mover moves a shard where the file does not say: the one that its URL leads to. */
export const machineOf = ({ host }: { readonly host: string }): string =>
  host.startsWith('/') ? 'localhost' : host;

/** Names and addresses that lead to the machine where they are used, whatever it is called. */
const isLocal = (host: string): boolean => /^(localhost|127(\.\d{1,3}){3}|::1)$/i.test(host);

/**
 * @param flag what `--host` said; without it, or where it names this machine, this machine is looked for: under its full name,
 * then its first label, then as `localhost`, then as `any`.
 * @param hostname this machine's name.
 * @param adopts whether a host that the file does not know may run a mover: it moves what other hosts do not.
 * @returns the shards of that host, or a sentence in `problem`.
 */
export function chooseHost(
  config: Config,
  flag: string | undefined,
  hostname: string,
  adopts = false,
): HostChoice | { readonly problem: string } {
  const hosts = [...new Set(config.shards.map(({ moverHost }) => moverHost))];
  const named = (name: string) => hosts.find((known) => known.toLowerCase() === name.toLowerCase());
  const label = hostname.split('.')[0] ?? hostname;
  const isHere = flag === undefined || isLocal(flag) || flag.toLowerCase() === hostname.toLowerCase();
  const host =
    (flag === undefined ? undefined : named(flag)) ??
    (isHere ? (named(hostname) ?? named(label) ?? hosts.find(isLocal) ?? named(ANY)) : undefined);
  const isOnlyAny = hosts.every(isAny);
  // Shards of this machine may come by a query at any time.
  const mayCome = config.shardQueries.length > 0;
  if (host === undefined && !isOnlyAny && !mayCome && !adopts)
    return { problem: noMatch(hosts, { flag, hostname, file: config.file }) };
  return {
    host:
      host === undefined || isAny(host)
        ? flag === undefined || (isHere && !mayCome) || isAny(flag)
          ? hostname
          : flag
        : host,
    shards: config.shards.filter(({ moverHost }) => moverHost === host || isAny(moverHost)),
  };
}

function noMatch(
  hosts: readonly string[],
  { flag, hostname, file }: { flag: string | undefined; hostname: string; file: string },
): string {
  const known = [...hosts].sort(new Intl.Collator('en', { numeric: true }).compare).join(', ');
  if (flag === undefined) {
    return `No shard in ${file} is on this machine (${hostname}): say --host with one of ${known}, or \`host: any\` for the shards that any machine may move, or --adopt, with which it moves only those of hosts without a mover.`;
  }
  const meant = nearest(flag, hosts);
  const hint = meant === undefined ? '' : ` Did you mean ${meant}?`;
  return `No shard in ${file} is on host ${flag}: the hosts there are ${known}; with --adopt it moves the shards of hosts without a mover.${hint}`;
}
