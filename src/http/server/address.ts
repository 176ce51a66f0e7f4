// Decides where pages may be served: on this machine to every client, elsewhere only to clients that show a token. Pure.
import { BlockList, isIP } from 'node:net';
import type { HttpAddress } from '../../config/config.ts';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/**
 * @param where the token is given.
 * @returns why nothing may be served there, with the remedy.
 */
export function refusalOf(
  address: HttpAddress,
  token: string | undefined,
  where = '`http.token` in the file',
): string | undefined {
  if (token !== undefined || isLoopback(address.host)) return undefined;
  return `Nothing is served on ${shownAddress(address)} without a token, because other machines reach it: give ${where}, or listen on 127.0.0.1.`;
}

/** As in a URL. */
export function shownAddress({ host, port }: HttpAddress): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

function isLoopback(host: string): boolean {
  const version = isIP(host);
  if (version === 0) return host.toLowerCase() === 'localhost';
  return LOOPBACK.check(host, version === 4 ? 'ipv4' : 'ipv6');
}
