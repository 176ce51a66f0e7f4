// Loads what the user wrote, and says in a sentence what is wrong with it.
import { pathToFileURL } from 'node:url';
import { TributaryError } from '../errors/tributary-error.ts';
import type { Handler } from './contract.ts';
import { mistakeIn } from './options.ts';

const HANDLER_SHAPE =
  'Its default export must be an object with either `event` or `batch`, a function: `export default defineHandler({ async event(event, context) { … } })`.';

/**
 * @param path absolute path of the module.
 * @throws TributaryError that names the file, what is wrong and what would be right.
 */
export async function loadHandler(path: string): Promise<Handler> {
  if (path === '') {
    throw new TributaryError('The queue has workers and no handler.', {
      code: 'handler-unusable',
      kind: 'misconfigured',
      remedy: 'Give it `handler: ./handlers/NAME.js` in the file.',
    });
  }
  let module: { default?: unknown };
  try {
    module = (await import(pathToFileURL(path).href)) as { default?: unknown };
  } catch (error) {
    throw unusable(path, whyNotLoaded(error), error);
  }
  // A CommonJS module compiled from an ES module has its default one level deeper.
  const exported = module.default as { default?: unknown } | undefined;
  for (const candidate of [exported, exported?.default]) {
    const verdict = shapeOf(candidate);
    if (verdict === 'both') {
      throw unusable(path, 'has both `event` and `batch`.', undefined, 'Keep the one that is meant.');
    }
    if (verdict === 'other') continue;
    const mistake = mistakeIn(candidate as Handler);
    if (mistake !== undefined) throw unusable(path, mistake.what, undefined, mistake.remedy);
    return candidate as Handler;
  }
  throw unusable(path, 'does not export a handler.', undefined, HANDLER_SHAPE);
}

function shapeOf(value: unknown): 'handler' | 'both' | 'other' {
  if (typeof value !== 'object' || value === null) return 'other';
  const { event, batch } = value as { event?: unknown; batch?: unknown };
  if (typeof event === 'function' && typeof batch === 'function') return 'both';
  return typeof event === 'function' || typeof batch === 'function' ? 'handler' : 'other';
}

function whyNotLoaded(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  const text = String(message ?? error).split('\n')[0];
  if (code === 'ERR_MODULE_NOT_FOUND')
    return `does not load: ${text}. Correct the path, or install what it imports.`;
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION') {
    return `does not load: this Node (${process.version}) does not run TypeScript. Compile it, or use Node 22.18 or later.`;
  }
  return `does not load: ${text}.`;
}

function unusable(path: string, what: string, cause?: unknown, remedy?: string): TributaryError {
  return new TributaryError(`The handler ${path} ${what}`, {
    code: 'handler-unusable',
    kind: 'misconfigured',
    ...(remedy === undefined ? {} : { remedy }),
    ...(cause === undefined ? {} : { cause }),
  });
}
