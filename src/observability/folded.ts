// Lines that come again and again, or of many shards at once, while something is away: in full a few times, then as a number.
import type { Logger } from 'pino';
import { Folding } from '../lifecycle/folding.ts';

export type Warn = (sentence: string, about?: object) => void;

export function foldedWarnings(log: Logger): Warn {
  const say = foldedLines(log);
  return (sentence, about = {}) => say('warn', sentence, { about });
}

export interface FoldedOptions {
  /** Fields of the line. */
  readonly about?: object;
  /** A name in the sentence: sentences that differ in it alone are alike. */
  readonly name?: string;
}

/** @returns what logs a sentence at its level, or counts it where enough like it were logged. */
export function foldedLines(
  log: Logger,
): (level: 'info' | 'warn', sentence: string, options?: FoldedOptions) => void {
  const folding = new Folding();
  return (level, sentence, { about = {}, name } = {}) =>
    folding.say(name === undefined ? sentence : sentence.replaceAll(name, '…'), {
      full: () => log[level](about, sentence),
      more: (more) => log[level]({ ...about, more }, `and ${more} more like this: ${sentence}`),
    });
}
