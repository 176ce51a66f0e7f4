// The page where a browser gives the token and gets a cookie for it: a plain form, without script.
//
// Invariant: it says nothing about the installation. Wrong tokens of one address are limited, those of all addresses as well.
import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { TIMING } from '../../lifecycle/timing.ts';
import { plainHeaders } from './headers.ts';
import { Sessions } from './session.ts';
import { isToken } from './token.ts';

export const LOGIN_PATH = '/login';
const MOST_WRONG = 10;
/** Of all addresses together. */
const MOST_WRONG_IN_ALL = 100;

const STYLE = `:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}body{max-width:24rem;margin:15vh auto;padding:0 1rem}
label,input,button{display:block;width:100%;box-sizing:border-box;font:inherit}input,button{padding:.5rem;margin:.3rem 0 1rem}`;
const PAGE_HEADERS = plainHeaders(`'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`);

/** Adds `/login` and `/logout` below the base. */
export function addLogin(app: FastifyInstance, { token, base }: { token: string; base: string }): void {
  const sessions = new Sessions(token);
  const wrong = new WrongTokens();
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => {
      done(null, Object.fromEntries(new URLSearchParams(String(body))));
    },
  );
  app.get(LOGIN_PATH, (_request, reply) => page(reply, { status: 200, base }));
  app.post<{ Body: { token?: unknown } | null | undefined }>(LOGIN_PATH, async (request, reply) => {
    const shown = request.body?.token;
    if (wrong.isTooMany(request.ip)) {
      reply.header('retry-after', Math.ceil(TIMING.http.wrongTokensMs / 1_000));
      return page(reply, { status: 429, base, sentence: 'Too many wrong tokens: wait a minute.' });
    }
    if (typeof shown !== 'string' || !isToken(token, shown)) {
      wrong.note(request.ip);
      return page(reply, { status: 401, base, sentence: 'That is not the token.' });
    }
    reply.header('set-cookie', sessions.begin({ base, isSecure: isSecure(request) }));
    return reply.redirect(`${base}/`, 303);
  });
  app.post('/logout', (request, reply) => {
    reply.header('set-cookie', sessions.end({ base, isSecure: isSecure(request) }));
    return reply.redirect(`${base}${LOGIN_PATH}`, 303);
  });
}

/** As the proxy in front says; without one what is served is plain. */
const isSecure = ({ headers }: FastifyRequest): boolean =>
  String(headers['x-forwarded-proto'] ?? '')
    .split(',')[0]
    ?.trim() === 'https';

function page(
  reply: FastifyReply,
  { status, base, sentence = '' }: { status: number; base: string; sentence?: string },
): FastifyReply {
  const said = sentence === '' ? '' : `<p role="alert">${sentence}</p>`;
  return reply
    .code(status)
    .headers(PAGE_HEADERS)
    .type('text/html; charset=utf-8')
    .send(
      `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Log in</title><style>${STYLE}</style></head>
<body><main><h1>Log in</h1>${said}<form method="post" action="${base}${LOGIN_PATH}"><label>Token
<input name="token" type="password" autocomplete="current-password" autofocus required></label><button>Log in</button></form></main></body></html>\n`,
    );
}

/** Wrong tokens of the last minute or so. */
class WrongTokens {
  #since = performance.now();
  #all = 0;
  readonly #byAddress = new Map<string, number>();

  isTooMany(address: string): boolean {
    if (performance.now() - this.#since > TIMING.http.wrongTokensMs) {
      this.#since = performance.now();
      this.#all = 0;
      this.#byAddress.clear();
    }
    return this.#all >= MOST_WRONG_IN_ALL || (this.#byAddress.get(address) ?? 0) >= MOST_WRONG;
  }

  note(address: string): void {
    this.#all += 1;
    this.#byAddress.set(address, (this.#byAddress.get(address) ?? 0) + 1);
  }
}
