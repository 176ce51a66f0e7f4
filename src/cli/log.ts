// The log of services, on stderr. Loaded for them alone: starts of other commands are quicker.
import { type Logger, pino } from 'pino';
import { forPeople, newLogger } from '../lifecycle/logger.ts';
import { plain } from '../lifecycle/plain.ts';
import type { Output } from './context.ts';

/** Level from TRIBUTARY_LOG (trace, debug, info, warn, error, silent); default info. */
export async function makeLog(stderr: Output, env: NodeJS.ProcessEnv): Promise<Logger> {
  const lines = { write: (text: string) => void stderr.write(text) };
  const word = env.TRIBUTARY_LOG;
  const isKnown = word === undefined || word === '' || LEVELS.includes(word);
  const level = isKnown ? word || 'info' : 'info';
  const log = newLogger(
    level,
    stderr.isTTY ? forPeople((await import('pino-pretty')).prettyFactory, lines) : lines,
  );
  if (!isKnown)
    log.warn(`TRIBUTARY_LOG must be one of ${LEVELS.join(', ')}, not ${plain(word)}; it is info now.`);
  return log;
}

const LEVELS: readonly string[] = [...Object.keys(pino.levels.values), 'silent'];
