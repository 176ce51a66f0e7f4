// Keeps what V8 has compiled of our programs, and of the packages that they load, in dist/run/compiled/: compiling it at each
// start is more than half of what a start costs.
//
// Node does this by itself from version 22 on, where it is asked. In Node 20, which changes no more, we stand in its loader of
// CommonJS. V8 refuses what another version or other flags of it made, we what was made of another text.
// Fails by: a folder that may not be written, a file that is cut off or of something else: then it is compiled, as ever.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import nodeModule, { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { cachedDataVersionTag, deserialize, serialize } from 'node:v8';
import { Script } from 'node:vm';
import { crc32 } from 'node:zlib';
import { packagePath } from '../package-root.ts';

interface Kept {
  /** Of the text. */
  readonly sum: number;
  readonly data: Buffer;
}

/** What Node 20 calls with the text of each file of CommonJS; `parent` is the module that asked for it first. */
interface Loaded {
  readonly exports: object;
  readonly parent?: { readonly filename?: string | null } | null;
  _compile(text: string, path: string): unknown;
}

const loader = nodeModule as unknown as {
  readonly prototype: Loaded;
  wrap(text: string): string;
  readonly enableCompileCache?: (folder: string) => unknown;
};

/** Runs a program of dist/run/. @param use programs that need different parts of it are kept apart by it. */
export function runKept(program: string, use: string): void {
  const run = packagePath('dist', 'run');
  const folder = join(run, 'compiled');
  if (loader.enableCompileCache === undefined) standIn(run, join(folder, `${use}-${cachedDataVersionTag()}`));
  else loader.enableCompileCache(folder);
  createRequire(join(run, program))(`./${program}`);
}

function standIn(run: string, path: string): void {
  const kept = read(path);
  const made = new Map<string, { readonly sum: number; readonly script: Script }>();
  /** The files that were compiled here: what they load belongs to the program as well, what a handler loads does not. */
  const ours = new Set<string>();
  const { prototype } = loader;
  const { _compile: compile } = prototype;
  prototype._compile = function (this: Loaded, text, file) {
    const isOurs = dirname(file) === run || ours.has(this.parent?.filename ?? '');
    if (!isOurs) return compile.call(this, text, file);
    ours.add(file);
    if (mayImport(file, { run, text })) return compile.call(this, text, file);
    const sum = crc32(text);
    const known = kept.get(file);
    const script = new Script(loader.wrap(text), {
      filename: file,
      ...(known?.sum === sum && { cachedData: known.data }),
    });
    if (script.cachedDataRejected !== false) made.set(file, { sum, script });
    const wrapped = script.runInThisContext() as (this: object, ...names: unknown[]) => unknown;
    return wrapped.call(this.exports, this.exports, createRequire(file), this, file, dirname(file));
  };
  process.on('exit', () => {
    if (made.size === 0) return;
    // Now: functions that were called are in it as well.
    for (const [file, { sum, script }] of made) kept.set(file, { sum, data: script.createCachedData() });
    write(path, kept);
  });
}

/** Code that was kept cannot call `import()`. Ours does in one file; where a package says it, perhaps in a comment, it may. */
const mayImport = (file: string, { run, text }: { readonly run: string; readonly text: string }): boolean =>
  dirname(file) === run ? basename(file) === 'import-module.js' : text.includes('import(');

function read(path: string): Map<string, Kept> {
  try {
    const kept: unknown = deserialize(readFileSync(path));
    if (kept instanceof Map) return kept;
  } catch {
    // Nothing is kept yet.
  }
  return new Map();
}

/** Others may read it, or write it as well: it is there at once, as a whole. */
function write(path: string, kept: ReadonlyMap<string, Kept>): void {
  const own = `${path}.${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(own, serialize(kept));
    renameSync(own, path);
  } catch {
    // It is read-only, full or gone.
  }
}
