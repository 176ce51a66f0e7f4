// Which requests for the dashboard come from a page that may ask: not from another site that a browser was led to. Pure.
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';

/**
 * Without a token and without a proxy that names the user, anything that a browser on this machine runs could ask under a name
 * that leads here, and read the answers as its own.
 * @returns why the request is refused; undefined: it is not.
 */
export function foreignName({ host = '' }: IncomingHttpHeaders): string | undefined {
  const name = host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  if (isIP(name) !== 0 || /^([\w-]+\.)*localhost$/i.test(name)) return undefined;
  return 'Ask for the dashboard by an address or as localhost; for another name give `http.token`, or `http.user_header` behind a proxy that knows the user.';
}

/** @returns why a request that would change something is refused; undefined: it is not. */
export function foreignSite(headers: IncomingHttpHeaders): string | undefined {
  const isSent = /^application\/json\s*(;|$)/i.test(headers['content-type'] ?? '');
  if (!isSent || headers['x-tributary'] !== '1')
    return 'Send JSON with the headers `Content-Type: application/json` and `X-Tributary: 1`.';
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin' ? undefined : OTHER_SITE;
  const { origin } = headers;
  if (origin === undefined) return undefined;
  const own = [headers.host, headers['x-forwarded-host']];
  return own.includes(URL.canParse(origin) ? new URL(origin).host : '') ? undefined : OTHER_SITE;
}

const OTHER_SITE = 'Another site asked for this: nothing was changed.';
