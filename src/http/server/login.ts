// The page where a browser gives the token and gets a cookie for it: a plain form, without script.
//
// Invariant: it says nothing about the installation. Wrong tokens of one address are limited, those of all addresses as well.
import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { plainHeaders } from './headers.ts';
import { Sessions } from './session.ts';
import { isToken } from './token.ts';
import { WrongTokens } from './wrong-tokens.ts';

export const LOGIN_PATH = '/login';

/** The colours are those of the dashboard, which is not to be had without the token. */
const STYLE = `:root{color-scheme:light dark;font:16px/1.5 Inter,system-ui,sans-serif;--g:#f5f7f8;--s:#fff;--l:#c3ced4;--t:#15222b;--m:#566772;--a:#0a6a7c;--o:#fff;--b:#b3261e}
@media(prefers-color-scheme:dark){:root{--g:#0e1418;--s:#151d23;--l:#3a4a54;--t:#e3ebef;--m:#94a5af;--a:#5cc4d6;--o:#06222a;--b:#ff8a80}}
body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--g);color:var(--t)}
main{box-sizing:border-box;width:min(24rem,100vw);padding:2rem 1.5rem;border:1px solid var(--l);border-radius:10px;background:var(--s)}
h1{margin:0 0 .2rem;font-size:1.35rem}p{margin:0 0 1.2rem;color:var(--m)}p[role=alert]{color:var(--b)}
label,input,button{display:block;width:100%;box-sizing:border-box;font:inherit}input{padding:.5rem .6rem;margin:.3rem 0 1rem;border:1px solid var(--l);border-radius:6px;background:var(--g);color:var(--t)}
button{padding:.5rem;border:1px solid var(--a);border-radius:6px;background:var(--a);color:var(--o);cursor:pointer}:focus-visible{outline:2px solid var(--a);outline-offset:2px}`;
const PAGE_HEADERS = plainHeaders(`'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`);

/** Adds `/login` and `/logout` below the base. */
export function addLogin(
  app: FastifyInstance,
  { token, base, wrongTokensMs }: { token: string; base: string; wrongTokensMs: number },
): void {
  const sessions = new Sessions(token);
  // Apart from those in headers: people who mistype keep no scraper out, nor does it keep them out.
  const wrong = new WrongTokens(wrongTokensMs);
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
    if (wrong.isTooMany(request.ip) || wrong.isTooManyInAll) {
      reply.header('retry-after', wrong.retryAfter);
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
  const said =
    sentence === ''
      ? '<p>The token is <code>http.token</code> of the file.</p>'
      : `<p role="alert">${sentence}</p>`;
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
