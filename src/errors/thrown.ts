// Name, message and stack of anything that was thrown. JavaScript throws everything: what is no error, an error whose message is
// no text, an object that throws when a property of it is read. Nothing here throws.
import { inspect } from 'node:util';
import { sqlstateOf } from './sqlstate.ts';

export interface Thrown {
  /** Never empty. */
  readonly message: string;
  readonly stack: string | undefined;
  readonly sqlstate: string | undefined;
}

/** @param who what threw it, as the beginning of a sentence, e.g. `The handler`; used where it is no error with a message. */
export function describeThrown(error: unknown, who: string): Thrown {
  const isError = guarded(() => error instanceof Error) ?? false;
  const field = (name: 'message' | 'name' | 'stack') =>
    isError ? guarded(() => (error as unknown as Readonly<Record<string, unknown>>)[name]) : undefined;
  const stack = field('stack');
  return {
    message: asText(field('message')) ?? asText(field('name')) ?? `${who} threw ${shown(error)}.`,
    stack: typeof stack === 'string' && stack !== '' ? stack : undefined,
    sqlstate: sqlstateOf(error),
  };
}

const asText = (value: unknown): string | undefined => {
  if (value === undefined || value === null || value === '') return undefined;
  return typeof value === 'string' ? value : shown(value);
};

function shown(value: unknown): string {
  const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function';
  // For objects: what they are, without calling anything of theirs.
  const text = isObject
    ? guarded(() => inspect(value, { customInspect: false, depth: 1, breakLength: Number.POSITIVE_INFINITY }))
    : guarded(() => String(value));
  return text ?? 'something that cannot be shown';
}

function guarded<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
