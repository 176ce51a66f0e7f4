// The log of every command, on stderr.
import { type Logger, pino } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { forPeople, newLogger } from '../lifecycle/logger.ts';
import type { Output } from './context.ts';

/** Level from TRIBUTARY_LOG (trace, debug, info, warn, error, silent); default info. */
export function makeLog(stderr: Output, env: NodeJS.ProcessEnv): Logger {
  const lines = { write: (text: string) => void stderr.write(text) };
  return newLogger(levelOf(env.TRIBUTARY_LOG), stderr.isTTY ? forPeople(prettyFactory, lines) : lines);
}

function levelOf(word: string | undefined): string {
  const known = [...Object.keys(pino.levels.values), 'silent'];
  return word !== undefined && known.includes(word) ? word : 'info';
}
