// The demo's configuration: the package's own shards.yaml, or a copy of it for another port or number of shards.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packagePath } from '../../lifecycle/package-root.ts';

/** Of the server that the file names. Below the ports that systems give to outgoing connections. */
export const FILE_PORT = 25_432;
/** As many as the file names. */
export const FILE_SHARDS = 8;

/** @param folder where a copy goes. @returns the path of the file that names this server and this many shards. */
export function demoFile(folder: string, { port, shards }: { port: number; shards: number }): string {
  const own = packagePath('shards.yaml');
  if (port === FILE_PORT && shards === FILE_SHARDS) return own;
  const copy = join(folder, 'shards.yaml');
  const text = readFileSync(own, 'utf8')
    .replaceAll(`:${FILE_PORT}/`, `:${port}/`)
    .replaceAll(`{1..${FILE_SHARDS}}`, `{1..${shards}}`)
    // Paths are relative to the file; JSON's quotes are YAML's.
    .replaceAll(/\.\/demo\/handlers\/\w+\.js/g, (path) => JSON.stringify(packagePath(path)));
  writeFileSync(copy, text);
  return copy;
}
