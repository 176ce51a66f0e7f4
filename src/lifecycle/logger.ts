// How loggers are made, of the command line and of the workers alike: JSON lines for machines, short lines for people, secrets
// blanked in both.
//
// Fails by: nothing. A line that cannot be written is lost, and the work that it tells of goes on.
import { type DestinationStream, type Logger, pino } from 'pino';
import type { prettyFactory } from 'pino-pretty';
import { plain, plainLines } from './plain.ts';

/** As headers are written, and as libraries write them. */
const SECRETS = [
  ...['password', 'token', 'authorization', 'cookie', 'set-cookie'],
  ...['Authorization', 'Cookie', 'Set-Cookie'],
].map((name) => `["${name}"]`);

export function newLogger(level: string, destination: DestinationStream): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: {
        paths: SECRETS.flatMap((name) => [name, `*${name}`, `*.*${name}`, `*.*.*${name}`]),
        censor: '***',
      },
    },
    { write: (line) => writeTo(destination, line) },
  );
}

function writeTo(destination: DestinationStream, line: string): void {
  try {
    destination.write(line);
  } catch {}
}

/**
 * Written at once, not through a stream of its own, so that nothing is lost when the process ends.
 * @param factory handed over, because it is loaded only where there are people.
 */
export function forPeople(
  factory: typeof prettyFactory,
  destination: { write(text: string): unknown },
): DestinationStream {
  const pretty = factory({
    colorize: true,
    ignore: 'pid,hostname',
    singleLine: true,
    translateTime: 'SYS:HH:MM:ss',
  });
  return { write: (line) => void destination.write(pretty(harmless(line))) };
}

/** A record whose texts are plain; only a stack has lines. */
function harmless(line: string): object {
  return JSON.parse(line, (key, value: unknown) => {
    if (typeof value !== 'string') return value;
    return key === 'stack' ? plainLines(value) : plain(value);
  });
}
