// Our own source files as the house tests see them.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { packagePath } from '../../../src/lifecycle/package-root.ts';

export interface SourceFile {
  /** From the package's root, with slashes. */
  readonly path: string;
  readonly text: string;
}

export interface Import {
  readonly from: string;
  /** A path from the package's root, or the name of a package. */
  readonly to: string;
}

/** All files below `folder` (from the package's root) whose name ends so. */
export function filesIn(folder: string, ending: string): SourceFile[] {
  const names = readdirSync(packagePath(folder), { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => name.endsWith(ending))
    .sort()
    .map((name) => {
      const path = join(folder, name).replaceAll('\\', '/');
      return { path, text: readFileSync(packagePath(path), 'utf8') };
    });
}

const IMPORT =
  /^(?:import|export)\b[^;'"]*?\bfrom\s*['"]([^'"]+)['"]|^import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm;

/** Static, dynamic and type imports, and re-exports. */
export function importsOf({ path, text }: SourceFile): Import[] {
  return [...text.matchAll(IMPORT)].map(([, named, bare, dynamic]) => {
    const target = named ?? bare ?? dynamic ?? '';
    return { from: path, to: target.startsWith('.') ? normalize(join(dirname(path), target)) : target };
  });
}
