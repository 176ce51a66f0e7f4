// The log of every command, on stderr.
import { type Logger, pino } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { forPeople, newLogger } from '../lifecycle/logger.ts';
import { plain } from '../lifecycle/plain.ts';
import type { Output } from './context.ts';

/** Level from TRIBUTARY_LOG (trace, debug, info, warn, error, silent); default info. */
export function makeLog(stderr: Output, env: NodeJS.ProcessEnv): Logger {
  const lines = { write: (text: string) => void stderr.write(text) };
  const word = env.TRIBUTARY_LOG;
  const isKnown = word === undefined || word === '' || LEVELS.includes(word);
  const level = isKnown ? word || 'info' : 'info';
  const log = newLogger(level, stderr.isTTY ? forPeople(prettyFactory, lines) : lines);
  if (!isKnown)
    log.warn(`TRIBUTARY_LOG must be one of ${LEVELS.join(', ')}, not ${plain(word)}; it is info now.`);
  return log;
}

const LEVELS: readonly string[] = [...Object.keys(pino.levels.values), 'silent'];
