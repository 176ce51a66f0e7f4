// The paths of the dashboard: its files, the stream, what is asked for by hand, and what changes something.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { foreignName, foreignSite } from '../server/guard.ts';
import { type ActionParts, addActions } from './actions.ts';
import { type AnswerParts, addAnswers } from './answers.ts';
import { Refusal } from './asking.ts';
import { addFiles } from './files.ts';
import type { StateStream } from './stream.ts';

export type DashboardParts = AnswerParts & ActionParts & { readonly stream: StateStream };

export function addDashboard(app: FastifyInstance, parts: DashboardParts): void {
  const { http } = parts.config;
  const isOpen = http?.token === undefined && http?.userHeader === undefined;
  app.addHook('onRequest', async (request, reply) => {
    const refusal = isOpen ? foreignName(request.headers) : undefined;
    const foreign = refusal ?? (isChange(request) ? foreignSite(request.headers) : undefined);
    if (foreign !== undefined) return reply.code(403).send({ error: foreign });
  });
  addFiles(app);
  app.get('/api/stream', { exposeHeadRoute: false }, (_request, reply) => {
    if (!parts.stream.add(reply.raw, reply.getHeaders()))
      return reply
        .code(503)
        .header('retry-after', 10)
        .send({ error: 'Too many look at the dashboard now: try again later.' });
    reply.hijack();
  });
  app.setErrorHandler((error, _request, reply) => {
    if (!(error instanceof Refusal)) throw error;
    return reply.code(error.status).send({ error: error.message });
  });
  addAnswers(app, parts);
  addActions(app, parts);
}

/** Of a path of ours: the form that takes the token looks after itself. */
const isChange = ({ method, routeOptions: { url = '' } }: FastifyRequest): boolean =>
  method !== 'GET' && method !== 'HEAD' && url.includes('/api/');
