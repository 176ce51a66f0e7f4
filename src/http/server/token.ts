// Checks the token of a request, in a time that says nothing about the token, not even its length.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Sessions } from './session.ts';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

export function isToken(token: string, shown: string | undefined): boolean {
  return timingSafeEqual(digest(shown ?? ''), digest(token)) && shown !== undefined;
}

/** @returns what tells whether a request has the token, or the cookie of somebody who gave it; without a token every request does. */
export function tokenCheck(
  token: string | undefined,
): (headers: Pick<IncomingHttpHeaders, 'authorization' | 'cookie'>) => boolean {
  if (token === undefined) return () => true;
  const sessions = new Sessions(token);
  return ({ authorization, cookie }) => {
    const shown = /^bearer +(\S.*)$/i.exec(authorization?.trim() ?? '')?.[1];
    return isToken(token, shown) || sessions.isOpen(cookie);
  };
}
