// Where in a user's code an error is: `file:line`, from its stack, or from another Node process that loads the file again.
import { execFile } from 'node:child_process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { packagePath } from '../lifecycle/package-root.ts';
import { TIMING } from '../lifecycle/timing.ts';

/** Our own frames, which load handlers, are in every stack. */
const OURS = packagePath('dist', '/');

/**
 * A syntax error in a module has no place in its stack: only a process that ends with it prints one. That does not run any of
 * the code, because none of it runs before all of it is read.
 * @param path the module that was to be loaded.
 */
export async function placeOfError(error: unknown, path: string): Promise<string | undefined> {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const place = placeAtTheTop(stack) ?? placeOfFrame(stack);
  if (place !== undefined || !(error instanceof SyntaxError)) return place;
  return placeAtTheTop(await whatNodeSays(path));
}

/** `FILE:LINE` above the line that is wrong, as Node writes it. */
function placeAtTheTop(text: string): string | undefined {
  const [, file, line] = /^((?:file:\/\/)?\/.*):(\d+)$/m.exec(text.split('\n')[0] ?? '') ?? [];
  return file === undefined ? undefined : `${pathOf(file)}:${line}`;
}

/** The first line of the stack that is in a file of the user's, or else of a package. */
function placeOfFrame(stack: string): string | undefined {
  const frames = [...stack.matchAll(/^ +at (?:.*[ (])?((?:file:\/\/)?\/[^()\n]*?):(\d+):\d+\)?$/gm)]
    .map(([, file = '', line]) => ({ file: pathOf(file), line }))
    .filter(({ file }) => !file.startsWith(OURS));
  const frame = frames.find(({ file }) => !file.includes('/node_modules/')) ?? frames[0];
  return frame === undefined ? undefined : `${frame.file}:${frame.line}`;
}

function whatNodeSays(path: string): Promise<string> {
  const code = `await import(${JSON.stringify(pathToFileURL(path).href)})`;
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--input-type=module', '-e', code],
      { timeout: TIMING.handler.askPlaceMs },
      (_error, _stdout, stderr) => resolve(stderr),
    );
  });
}

const pathOf = (file: string): string => (file.startsWith('file:') ? fileURLToPath(file) : file);
