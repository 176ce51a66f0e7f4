// Warnings that come again and again while something is away: in full a few times, then as a number.
import type { Logger } from 'pino';
import { Folding } from '../lifecycle/folding.ts';

export type Warn = (sentence: string, about?: object) => void;

export function foldedWarnings(log: Logger): Warn {
  const folding = new Folding();
  return (sentence, about = {}) =>
    folding.say(sentence, {
      full: () => log.warn(about, sentence),
      more: (more) => log.warn({ ...about, more }, `and ${more} more like this: ${sentence}`),
    });
}
