// The demo's configuration: the package's own shards.yaml, or a copy of it for another port or number of shards, or with the
// dashboard.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HttpAddress } from '../../config/config.ts';
import { packagePath } from '../../lifecycle/package-root.ts';

/** Of the server that the file names. Below the ports that systems give to outgoing connections. */
export const FILE_PORT = 25_432;
/** As many as the file names. */
export const FILE_SHARDS = 8;

export interface DemoFileOptions {
  readonly port: number;
  readonly shards: number;
  /** Where the dashboard is served, if it is: who can reach it may also pause, scale, retry and discard. */
  readonly http: HttpAddress | undefined;
  /** The page of the shop, which listens there. */
  readonly shop: string | undefined;
}

/** @param folder where a copy goes. @returns the path of the file that names this server and this many shards. */
export function demoFile(folder: string, { port, shards, http, shop }: DemoFileOptions): string {
  const own = packagePath('shards.yaml');
  if (port === FILE_PORT && shards === FILE_SHARDS && http === undefined) return own;
  const copy = join(folder, 'shards.yaml');
  const text = readFileSync(own, 'utf8')
    .replaceAll(`:${FILE_PORT}/`, `:${port}/`)
    .replaceAll(`{1..${FILE_SHARDS}}`, `{1..${shards}}`)
    // Paths are relative to the file; JSON's quotes are YAML's.
    .replaceAll(/\.\/demo\/handlers\/\w+\.js/g, (path) => JSON.stringify(packagePath(path)));
  const served =
    http === undefined
      ? ''
      : `http: { listen: ${JSON.stringify(shownListen(http))}, actions: true, live: { origins: ${JSON.stringify(shop)} } }\n`;
  writeFileSync(copy, text + served);
  return copy;
}

const shownListen = ({ host, port }: HttpAddress): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`;
