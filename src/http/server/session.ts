// The cookie that a browser gets for the token: a time at which it ends, signed with a key that is made from the token.
//
// Invariant: the cookie does not hold the token, nor anything that leads to it, and no cookie outlives a change of the token. Every
// host with the same token takes it, also after a restart.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { parseCookie, stringifySetCookie } from 'cookie';
import { TIMING } from '../../lifecycle/timing.ts';

export interface CookieOptions {
  /** The server's path prefix. */
  readonly base: string;
  /** The browser came by https. */
  readonly isSecure: boolean;
}

export class Sessions {
  readonly #key: Buffer;
  readonly #name: string;

  constructor(token: string) {
    this.#key = createHmac('sha256', token).update('tributary session').digest();
    // Cookies belong to a machine, not to a port: two installations on it must not overwrite each other's.
    this.#name = `tributary_${this.#mac('name').slice(0, 8)}`;
  }

  /** @returns the header `Set-Cookie` of a new session. */
  begin(options: CookieOptions): string {
    const text = `${(Date.now() + TIMING.http.sessionMs).toString(36)}.${randomBytes(12).toString('hex')}`;
    return this.#cookie(`${text}.${this.#mac(text)}`, TIMING.http.sessionMs / 1_000, options);
  }

  /** @returns the header that takes the cookie away. */
  end(options: CookieOptions): string {
    return this.#cookie('', 0, options);
  }

  /** @param header `Cookie` of a request. */
  isOpen(header: string | undefined): boolean {
    const value = header === undefined ? undefined : parseCookie(header)[this.#name];
    const [, text = '', mac = ''] = /^([0-9a-z]+\.[0-9a-f]{24})\.([0-9a-f]{64})$/.exec(value ?? '') ?? [];
    const wanted = Buffer.from(this.#mac(text), 'hex');
    const isOurs = mac !== '' && timingSafeEqual(Buffer.from(mac, 'hex'), wanted);
    return isOurs && Number.parseInt(text, 36) > Date.now();
  }

  #mac(text: string): string {
    return createHmac('sha256', this.#key).update(text).digest('hex');
  }

  #cookie(value: string, maxAge: number, { base, isSecure }: CookieOptions): string {
    return stringifySetCookie({
      name: this.#name,
      value,
      maxAge,
      path: base === '' ? '/' : base,
      httpOnly: true,
      sameSite: 'strict',
      secure: isSecure,
    });
  }
}
