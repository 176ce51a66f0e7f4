// The server: Fastify with our limits, the token, and a page for each path. The pages are made elsewhere.
//
// Invariant: without the token a client learns nothing, not even which paths there are; a browser that asks for the root is sent to
// the form that takes the token. No request is logged, and no internal error is shown.
import type { Socket } from 'node:net';
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import type { HttpAddress } from '../../config/config.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { shownAddress } from './address.ts';
import { limitConnections } from './connections.ts';
import { COMMON_HEADERS } from './headers.ts';
import { addLogin, LOGIN_PATH } from './login.ts';
import { type TokenVerdict, tokenCheck } from './token.ts';
import { answerUnread, refuseAddress } from './unread.ts';
import { WrongTokens } from './wrong-tokens.ts';

export interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

export interface ServerOptions {
  readonly address: HttpAddress;
  readonly token?: string | undefined;
  /** In front of every path. */
  readonly base?: string | undefined;
  /** How long clients may take, in ms; default: the durations of the system. */
  readonly limits?: typeof TIMING.http.clients;
  /** How long wrong tokens are counted; default: the same. */
  readonly wrongTokensMs?: number;
  /** By path, such as `/livez`. */
  readonly pages: Readonly<Record<string, () => Page | Promise<Page>>>;
  /** Adds other paths, below the base. */
  readonly more?: (app: FastifyInstance, tools: ServerTools) => void;
  /** Paths of those, below the base, which look for themselves who may ask. */
  readonly ownChecks?: readonly string[];
  /** Connections that may be set apart; default: none. */
  readonly streams?: number;
}

export interface ServerTools {
  /** By the token of the server. */
  verdictOn(request: FastifyRequest): TokenVerdict;
  /** The connection has a limit of its own while its request is being answered. */
  setApart(socket: Socket): void;
}

/** A token, or a few names. */
const MOST_BODY_BYTES = 1_024;
const MOST_HEADER_BYTES = 8_192;
/** While this many are left open, a new client is served all the same. */
const MOST_CONNECTIONS = 128;

export class HttpServer {
  readonly #options: ServerOptions;
  readonly #app: FastifyInstance;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#app = newApp(options);
  }

  /** @throws the system's error where the address cannot be listened on. */
  async listen(): Promise<void> {
    await this.#app.listen({ ...this.#options.address });
  }

  /** Where it listens, with the real port, also for port 0. */
  get url(): string {
    const { address, base = '' } = this.#options;
    const bound = this.#app.server.address();
    const port = typeof bound === 'object' ? bound?.port : undefined;
    return `http://${shownAddress({ ...address, port: port ?? address.port })}${base}`;
  }

  /** Cuts requests that are under way. */
  async close(): Promise<void> {
    await this.#app.close();
  }
}

function newApp({
  token,
  base = '',
  limits = TIMING.http.clients,
  wrongTokensMs = TIMING.http.wrongTokensMs,
  pages,
  more,
  ownChecks = [],
  streams = 0,
}: ServerOptions): FastifyInstance {
  const { headersMs, requestMs, stuckMs, idleMs, lookEveryMs } = limits;
  const app = fastify({
    logger: false,
    bodyLimit: MOST_BODY_BYTES,
    requestTimeout: requestMs,
    connectionTimeout: stuckMs,
    keepAliveTimeout: idleMs,
    forceCloseConnections: true,
    clientErrorHandler: (error, socket) =>
      answerUnread(error, socket, { mostHeaderBytes: MOST_HEADER_BYTES }),
    frameworkErrors: (_error, _request, reply) => refuseAddress(reply),
    http: {
      headersTimeout: headersMs,
      connectionsCheckingInterval: lookEveryMs,
      maxHeaderSize: MOST_HEADER_BYTES,
    },
  });
  const setApart = limitConnections(app.server, { most: MOST_CONNECTIONS, coming: streams });
  const wrong = new WrongTokens(wrongTokensMs);
  const verdictOn = tokenCheck(token, wrong);
  const ownPaths = new Set(ownChecks.map((path) => base + path));
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(COMMON_HEADERS);
    const { url } = request.routeOptions;
    if (ownPaths.has(url ?? '')) return;
    const verdict = verdictOn(request);
    if (verdict === 'allowed' || url === base + LOGIN_PATH) return;
    if (verdict === 'too-many')
      return reply
        .code(429)
        .header('retry-after', wrong.retryAfter)
        .send({ error: 'Too many wrong tokens came from this address: wait a minute.' });
    if (url === `${base}/` && isBrowser(request)) return reply.redirect(base + LOGIN_PATH, 303);
    reply.header('www-authenticate', 'Bearer');
    return reply
      .code(401)
      .send({ error: 'Send the header `Authorization: Bearer TOKEN` with `http.token`.' });
  });
  const paths = [...Object.keys(pages), ...ownChecks].map((path) => base + path);
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({ error: `There is nothing here: ask for ${paths.join(', ')} with GET.` }),
  );
  app.setErrorHandler<{ statusCode?: number }>(({ statusCode = 500 }, _request, reply) => {
    const isOurs = statusCode >= 500;
    return reply
      .code(statusCode)
      .send({ error: isOurs ? 'This page could not be made: see the log.' : 'This request is not valid.' });
  });
  for (const [path, make] of Object.entries(pages)) {
    app.get(base + path, async (_request, reply) => {
      const { status, type, body } = await make();
      return reply.code(status).type(type).send(body);
    });
  }
  app.register(
    async (below) => {
      if (token !== undefined) addLogin(below, { token, base, wrongTokensMs });
      more?.(below, { verdictOn, setApart });
    },
    { prefix: base },
  );
  return app;
}

const isBrowser = ({ method, headers }: FastifyRequest): boolean =>
  method === 'GET' && headers.accept?.includes('text/html') === true;
