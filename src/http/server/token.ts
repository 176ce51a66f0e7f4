// Checks the token of a request, in a time that says nothing about the token, not even its length.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Sessions } from './session.ts';
import type { WrongTokens } from './wrong-tokens.ts';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

export function isToken(token: string, shown: string | undefined): boolean {
  return timingSafeEqual(digest(shown ?? ''), digest(token)) && shown !== undefined;
}

/** `refused`: it shows no token, or a wrong one. `too-many`: its address has guessed so much that nothing is compared now. */
export type TokenVerdict = 'allowed' | 'refused' | 'too-many';

interface Asking {
  readonly headers: Pick<IncomingHttpHeaders, 'authorization' | 'cookie'>;
  readonly ip: string;
  /** The connection. */
  readonly socket: object;
}

/** @returns what judges a request: the token, or the cookie of somebody who gave it, is needed; without a token nothing is. */
export function tokenCheck(token: string | undefined, wrong: WrongTokens): (asking: Asking) => TokenVerdict {
  if (token === undefined) return () => 'allowed';
  const sessions = new Sessions(token);
  /** Over these the token was shown: whoever guesses at the same address does not keep a scraper out. */
  const trusted = new WeakSet<object>();
  return ({ headers: { authorization, cookie }, ip, socket }) => {
    if (sessions.isOpen(cookie)) return 'allowed';
    const shown = /^bearer +(\S.*)$/i.exec(authorization?.trim() ?? '')?.[1];
    if (shown === undefined) return 'refused';
    if (!trusted.has(socket) && wrong.isTooMany(ip)) return 'too-many';
    if (isToken(token, shown)) {
      trusted.add(socket);
      return 'allowed';
    }
    wrong.note(ip);
    return 'refused';
  };
}
