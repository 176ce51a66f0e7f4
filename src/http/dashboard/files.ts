// The files of the page, read once: what is not among them is not there, whatever a path says.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { packagePath } from '../../lifecycle/package-root.ts';
import { PAGE_HEADERS } from '../server/headers.ts';

interface PageFile {
  readonly type: string;
  readonly body: Buffer;
  /** Its name changes with its content. */
  readonly isForEver: boolean;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
};
const HASHED = /-[A-Za-z0-9_-]{8,}\.\w+$/;
const MISSING =
  '<!doctype html><title>Tributary</title><p>The dashboard was not built: run `npm run build`.</p>\n';

/** Adds `/` and `/assets/*`. */
export function addFiles(app: FastifyInstance, folder = packagePath('dist', 'page')): void {
  const files = readFiles(folder);
  const index = files.get('index.html') ?? {
    type: TYPES['.html'] as string,
    body: Buffer.from(MISSING),
    isForEver: false,
  };
  app.get('/', { prefixTrailingSlash: 'slash' }, (_request, reply) => send(reply, index));
  // The page names its files relative to itself.
  if (app.prefix !== '') app.get('', (_request, reply) => reply.redirect(`${app.prefix}/`, 303));
  app.get<{ Params: { '*': string } }>('/assets/*', (request, reply) => {
    const file = files.get(`assets/${request.params['*']}`);
    return file === undefined ? reply.callNotFound() : send(reply, file);
  });
}

function send(reply: FastifyReply, { type, body, isForEver }: PageFile): FastifyReply {
  reply.headers(PAGE_HEADERS).type(type);
  if (isForEver) reply.header('cache-control', 'private, max-age=31536000, immutable');
  return reply.send(body);
}

/** By their paths below the folder. */
function readFiles(folder: string): ReadonlyMap<string, PageFile> {
  if (!existsSync(folder)) return new Map();
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && TYPES[extname(entry.name)] !== undefined)
    .map((entry) => join(entry.parentPath, entry.name));
  return new Map(
    names.map((path) => [
      path.slice(folder.length + 1).replaceAll('\\', '/'),
      { type: TYPES[extname(path)] as string, body: readFileSync(path), isForEver: HASHED.test(path) },
    ]),
  );
}
