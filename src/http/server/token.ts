// Checks the token of a request, in a time that says nothing about the token, not even its length.
import { createHash, timingSafeEqual } from 'node:crypto';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** @returns what tells whether a header `Authorization` has the token; without a token every request does. */
export function tokenCheck(token: string | undefined): (authorization: string | undefined) => boolean {
  if (token === undefined) return () => true;
  const wanted = digest(token);
  return (authorization) => {
    const shown = /^bearer +(\S.*)$/i.exec(authorization?.trim() ?? '')?.[1];
    return timingSafeEqual(digest(shown ?? ''), wanted) && shown !== undefined;
  };
}
