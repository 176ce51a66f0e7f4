// The log of every command: to stderr, as JSON lines for machines and as short lines on a terminal, secrets blanked.
import { type Logger, pino } from 'pino';
import { prettyFactory } from 'pino-pretty';
import type { Output } from './context.ts';

const SECRETS = ['password', 'token', 'authorization', 'cookie'];

/** Level from TRIBUTARY_LOG (trace, debug, info, warn, error, silent); default info. */
export function makeLog(stderr: Output, env: NodeJS.ProcessEnv): Logger {
  return pino(
    {
      level: levelOf(env.TRIBUTARY_LOG),
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: {
        paths: SECRETS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`, `*.*.*.${name}`]),
        censor: '***',
      },
    },
    stderr.isTTY ? { write: forPeople(stderr) } : { write: (text: string) => void stderr.write(text) },
  );
}

/** Written at once, not through a stream of its own, so that nothing is lost when the process ends. */
function forPeople(stderr: Output): (text: string) => void {
  const pretty = prettyFactory({
    colorize: true,
    ignore: 'pid,hostname',
    singleLine: true,
    translateTime: 'SYS:HH:MM:ss',
  });
  return (text) => void stderr.write(pretty(text));
}

function levelOf(word: string | undefined): string {
  const known = [...Object.keys(pino.levels.values), 'silent'];
  return word !== undefined && known.includes(word) ? word : 'info';
}
