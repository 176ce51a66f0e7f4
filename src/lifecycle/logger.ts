// How loggers are made, of the command line and of the workers alike: JSON lines for machines, short lines for people, secrets
// blanked in both.
//
// Fails by: nothing. A line that cannot be written is lost, and the work goes on.
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
      formatters: { level: (level) => ({ level }) },
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
    ignore: IGNORED,
    singleLine: true,
    translateTime: 'SYS:HH:MM:ss',
  });
  return { write: (line) => void destination.write(pretty(withoutRepeats(harmless(line)))) };
}

/** Of use to programs only: a batch's id is the one in `pgq.get_consumer_info()`. */
const IGNORED = 'pid,hostname,batch';
/** Fields that every line has. */
const ITS_OWN: readonly string[] = ['level', 'time', 'msg'];

/** For people: without fields that the sentence already has. */
function withoutRepeats(record: Readonly<Record<string, unknown>>): object {
  const { msg } = record;
  if (typeof msg !== 'string') return record;
  const isNew = ([key, value]: [string, unknown]) => ITS_OWN.includes(key) || !isSaid(value, msg);
  return Object.fromEntries(Object.entries(record).filter(isNew));
}

function isSaid(value: unknown, sentence: string): boolean {
  if (typeof value === 'number')
    return hasWord(sentence, String(value)) || hasWord(sentence, value.toLocaleString('en-US'));
  return typeof value === 'string' && value !== '' && hasWord(sentence, value);
}

/** Whether the sentence has the word, not as a part of another word or number. */
function hasWord(sentence: string, word: string): boolean {
  const isPart = (unit: string | undefined) => unit !== undefined && /[\p{L}\p{N}_]/u.test(unit);
  for (let at = sentence.indexOf(word); at >= 0; at = sentence.indexOf(word, at + 1))
    if (!isPart(sentence[at - 1]) && !isPart(sentence[at + word.length])) return true;
  return false;
}

/** The record with plain texts; only a stack keeps its lines. */
function harmless(line: string): Readonly<Record<string, unknown>> {
  return JSON.parse(line, (key, value: unknown) => {
    if (typeof value !== 'string') return value;
    return key === 'stack' ? plainLines(value) : plain(value);
  });
}
