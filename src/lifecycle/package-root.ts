// Where the package's own files (sql/, templates) are, from src/ and from dist/ alike.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Absolute path of the folder that holds package.json. */
const packageRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Absolute path of a file or folder of the package. */
export const packagePath = (...parts: string[]): string => join(packageRoot, ...parts);

/** The version in package.json. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(packagePath('package.json'), 'utf8')) as { version: string }).version;
}
