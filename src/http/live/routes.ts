// `/live`: a stream of what handlers publish on some channels.
//
// Invariant: a token in the URL is never written down: no request is logged, and no sentence shows it.
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Config } from '../../config/config.ts';
import { foreignName } from '../server/guard.ts';
import type { ServerTools } from '../server/server.ts';
import { isAllowedOrigin, type LiveQuery, listeningOf } from './listener.ts';
import type { LiveStreams } from './streams.ts';

export const LIVE_PATH = '/live';

export interface LiveParts extends ServerTools {
  readonly config: Pick<Config, 'http'>;
  readonly streams: LiveStreams;
}

/** Adds `/live` below the base. */
export function addLive(app: FastifyInstance, { config, streams, verdictOn, setApart }: LiveParts): void {
  const { token, userHeader, live } = config.http ?? {};
  const key = live?.key ?? token;
  const origins = live?.origins ?? [];
  // Another site whose name leads here could ask as if it were our own.
  const isOpen = key === undefined && userHeader === undefined;
  const allow = (reply: FastifyReply, origin = '') =>
    reply.header('access-control-allow-origin', origin).header('vary', 'Origin');
  app.options(LIVE_PATH, async ({ headers }, reply) => {
    if (isAllowedOrigin(headers, origins) !== true) return reply.code(403).send(NOT_THIS_SITE);
    return allow(reply, headers.origin)
      .headers({
        'access-control-allow-methods': 'GET',
        'access-control-allow-headers': 'authorization, last-event-id, cache-control',
        'access-control-max-age': '600',
      })
      .code(204)
      .send();
  });
  app.get<{ Querystring: LiveQuery }>(LIVE_PATH, { exposeHeadRoute: false }, (request, reply) => {
    const { headers, query, raw } = request;
    const isAllowed = isAllowedOrigin(headers, origins);
    if (isAllowed === false) return reply.code(403).send(NOT_THIS_SITE);
    if (isAllowed) allow(reply, headers.origin);
    const foreign = isOpen ? foreignName(headers) : undefined;
    if (foreign !== undefined) return reply.code(403).send({ error: foreign });
    // Without a token of the server everybody would be allowed by it.
    const verdict = () => (token === undefined ? 'refused' : verdictOn(request));
    const listening = listeningOf(query, headers, { key, verdict });
    if ('status' in listening) {
      if (listening.status === 401) reply.header('www-authenticate', 'Bearer');
      return reply.code(listening.status).send({ error: listening.sentence });
    }
    const { channels, lastEventId, untilMs } = listening;
    if (!streams.add(reply.raw, { channels, lastEventId, untilMs, headers: reply.getHeaders() }))
      return reply
        .code(503)
        .header('retry-after', 10)
        .send({ error: 'Too many listen here now: try again later, or at another host.' });
    reply.hijack();
    setApart(raw.socket);
  });
}

const NOT_THIS_SITE = {
  error: 'Pages of this site may not listen here: name it in `http.live.origins` of the file.',
};
