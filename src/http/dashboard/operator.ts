// Who acts through the page: the user that a trusted proxy names, or where the request came from. Pure.
import type { IncomingHttpHeaders } from 'node:http';
import type { Operator } from '../../central/logbook/note.ts';
import { plain } from '../../lifecycle/plain.ts';
import { Refusal } from './asking.ts';

const LONGEST = 100;

/** @throws Refusal where the proxy should name somebody and does not. */
export function operatorOf(
  { headers, ip }: { readonly headers: IncomingHttpHeaders; readonly ip: string },
  userHeader: string | undefined,
): Operator {
  if (userHeader === undefined) return { who: `somebody at ${ip}`, via: 'page' };
  const named = headers[userHeader];
  const who = typeof named === 'string' ? plain(named).trim().slice(0, LONGEST) : '';
  if (who === '')
    throw new Refusal(
      403,
      `No user is named in the header ${userHeader} (\`http.user_header\`): nothing was changed.`,
    );
  return { who, via: 'page' };
}
