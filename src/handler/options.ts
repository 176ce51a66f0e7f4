// Checks the options of a handler, `transaction`, `concurrency` and `coalesce`, when it is loaded.
import { distance } from 'fastest-levenshtein';
import type { Handler } from './contract.ts';

export interface OptionMistake {
  /** What the handler does wrong; continues a sentence that names it. */
  readonly what: string;
  readonly remedy: string;
}

const OPTIONS = ['transaction', 'concurrency', 'coalesce', 'setup', 'teardown'];
/** More calls at a time are a typing mistake. */
const MOST_AT_A_TIME = 1_000;
/** How many letters a misspelt option may differ in; fewer for short names, which many words resemble. */
const slipFor = (option: string): number => (option.length < 8 ? 1 : 2);

/** The first mistake in a handler's options. */
export function mistakeIn(handler: Handler): OptionMistake | undefined {
  const { transaction, concurrency, coalesce } = handler as unknown as Readonly<Record<string, unknown>>;
  const misspelt = slipIn(handler);
  if (misspelt !== undefined) return misspelt;
  for (const hook of ['setup', 'teardown'] as const) {
    if (handler[hook] === undefined || typeof handler[hook] === 'function') continue;
    return {
      what: `has \`${hook}: ${shown(handler[hook])}\`.`,
      remedy: 'It must be a function, which is called once per worker process.',
    };
  }
  if (transaction !== undefined && typeof transaction !== 'boolean') {
    return {
      what: `has \`transaction: ${shown(transaction)}\`.`,
      remedy: 'It is `false` for a handler that only calls out; else leave it out.',
    };
  }
  if (coalesce !== undefined && typeof coalesce !== 'function') {
    return {
      what: `has \`coalesce: ${shown(coalesce)}\`.`,
      remedy: 'It must be a function that gives the key of an event: `coalesce: (event) => event.extra1`.',
    };
  }
  if (coalesce !== undefined && handler.batch === undefined) {
    return {
      what: 'has `coalesce` and no `batch`.',
      remedy: 'Only a `batch` handler can be given the last of several events: change `event` to `batch`.',
    };
  }
  if (concurrency === undefined) return undefined;
  if (!isWhole(concurrency) || concurrency < 1 || concurrency > MOST_AT_A_TIME) {
    return {
      what: `has \`concurrency: ${shown(concurrency)}\`.`,
      remedy: `It must be a whole number from 1 to ${MOST_AT_A_TIME}.`,
    };
  }
  if (handler.event === undefined) {
    return {
      what: 'has `concurrency` and no `event`.',
      remedy:
        'A `batch` handler gets its events at once and may share them out itself: leave `concurrency` out.',
    };
  }
  if (transaction !== false) {
    return {
      what: 'has `concurrency` without `transaction: false`.',
      remedy:
        'Events that share one transaction are handled one after the other: add `transaction: false`, or leave `concurrency` out and take more `workers`.',
    };
  }
  return undefined;
}

function slipIn(handler: object): OptionMistake | undefined {
  for (const name of Object.keys(handler)) {
    const meant = OPTIONS.find(
      (option) => option !== name && distance(name.toLowerCase(), option) <= slipFor(option),
    );
    if (meant !== undefined) {
      return { what: `has \`${name}\`, which means nothing.`, remedy: `Write \`${meant}\`.` };
    }
  }
  return undefined;
}

const isWhole = (value: unknown): value is number => Number.isInteger(value);

const shown = (value: unknown): string =>
  typeof value === 'string' ? `'${value}'` : Array.isArray(value) ? '[…]' : String(value);
