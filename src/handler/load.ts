// Loads a handler's module, or says in a sentence what is wrong with it.
import { pathToFileURL } from 'node:url';
import { TributaryError } from '../errors/tributary-error.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { wait } from '../lifecycle/wait.ts';
import type { Handler } from './contract.ts';
import { mistakeIn } from './options.ts';
import { placeOfError } from './place-of-error.ts';

const HANDLER_SHAPE =
  'Its default export must be an object with either `event` or `batch`, a function: `export default defineHandler({ async event(event, context) { … } })`.';

/**
 * @param path absolute path of the module.
 * @throws TributaryError that names the file, what is wrong and what would be right.
 */
export async function loadHandler(
  path: string,
  { withinMs = TIMING.handler.loadMs }: { readonly withinMs?: number } = {},
): Promise<Handler> {
  if (path === '') {
    throw new TributaryError('The queue has workers and no handler.', {
      code: 'handler-unusable',
      kind: 'misconfigured',
      remedy: 'Give it `handler: ./handlers/NAME.js` in the file.',
    });
  }
  const module = await loaded(path, withinMs);
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

async function loaded(path: string, withinMs: number): Promise<{ default?: unknown }> {
  const controller = new AbortController();
  const late = wait(withinMs, controller.signal).then(() => 'late' as const);
  try {
    const module = await Promise.race([import(pathToFileURL(path).href), late]);
    if (module !== 'late') return module as { default?: unknown };
  } catch (error) {
    throw unusable(path, whyNotLoaded(error, await placeOfError(error, path)), error);
  } finally {
    controller.abort();
  }
  throw unusable(
    path,
    `is not loaded after ${Math.round(withinMs / 1_000)} s.`,
    undefined,
    'See what it waits for at its top level, or begin that in the first call.',
  );
}

function shapeOf(value: unknown): 'handler' | 'both' | 'other' {
  if (typeof value !== 'object' || value === null) return 'other';
  const { event, batch } = value as { event?: unknown; batch?: unknown };
  if (typeof event === 'function' && typeof batch === 'function') return 'both';
  return typeof event === 'function' || typeof batch === 'function' ? 'handler' : 'other';
}

function whyNotLoaded(error: unknown, place: string | undefined): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  const text = String(message ?? error).split('\n')[0];
  if (code === 'ERR_MODULE_NOT_FOUND')
    return `does not load: ${text}. Correct the path, or install what it imports.`;
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION' && /\.[cm]?ts\b/.test(text ?? '')) {
    return `does not load: this Node (${process.version}) does not run TypeScript. Compile it, or use Node 22.18 or later.`;
  }
  return `does not load: ${place === undefined ? '' : `${place}: `}${text?.replace(/\.$/, '')}.`;
}

function unusable(path: string, what: string, cause?: unknown, remedy?: string): TributaryError {
  return new TributaryError(`The handler ${path} ${what}`, {
    code: 'handler-unusable',
    kind: 'misconfigured',
    ...(remedy === undefined ? {} : { remedy }),
    ...(cause === undefined ? {} : { cause }),
  });
}
