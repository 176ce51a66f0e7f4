// `send QUEUE --shard S`: inserts events into a queue of a shard, one with --data or many as NDJSON from stdin.
//
// Order: lines are inserted in their order, 1,000 to a transaction.
// Fails by: a bad line or a lost shard ends it; earlier transactions are stored, nothing of the current one is.

import type { Command } from 'commander';
import type { Shard } from '../../config/config.ts';
import { nearest } from '../../config/nearest.ts';
import { sentenceFor } from '../../errors/sentence.ts';
import { sqlstateOf } from '../../errors/sqlstate.ts';
import { counted } from '../../errors/words.ts';
import { Connection } from '../../postgres/connection.ts';
import { insertEvents, type NewEvent, queueNames } from '../../queue/produce.ts';
import type { CliContext } from '../context.ts';
import { EXIT, Exit } from '../exit.ts';
import { shardNamed } from '../shard-named.ts';
import { linesOf } from '../terminal/lines.ts';
import { count } from '../terminal/output.ts';
import { BadLine, parseEventLine } from './send/event-line.ts';

interface SendOptions {
  readonly shard: string;
  readonly type?: string;
  readonly data?: string;
}

const LINES_PER_TRANSACTION = 1_000;

export function register(program: Command, context: CliContext): void {
  program
    .command('send')
    .description('inserts events into a queue of a shard: one with --data, or NDJSON from stdin')
    .argument('<queue>', 'a queue on the shard')
    .requiredOption('--shard <name>', 'the shard, as `tributary shards` names it')
    .option('--type <type>', 'the type of the event, and of lines that have none')
    .option('--data <text>', 'the data of one event, as it is; stdin is not read')
    .addHelpText(
      'after',
      '\nA line of stdin: {"type":"created","data":{"id":1},"extra1":"…"}; `data` may be any JSON, text stays text.',
    )
    .action((queue: string, options: SendOptions) => send(queue, options, context));
}

async function send(queue: string, options: SendOptions, context: CliContext): Promise<void> {
  if (options.data === undefined && context.stdin.isTTY) {
    throw new Exit(EXIT.wrong, 'There is nothing to send: give --data TEXT, or events as NDJSON on stdin.');
  }
  const shard = shardNamed(await context.loadConfig({ queries: 'try' }), options.shard);
  const subject = `shard ${shard.name} (${shard.host}:${shard.port})`;
  const progress = { stored: 0 };
  let connection: Connection | undefined;
  try {
    connection = await Connection.open(shard, { applicationName: 'tributary send' });
    await mustExist(connection, { queue, shard });
    const store = async (events: readonly NewEvent[]) => {
      if (connection === undefined || events.length === 0) return;
      await insertEvents(connection, queue, { events, schema: shard.schema });
      progress.stored += events.length;
    };
    if (options.data !== undefined) await store([{ type: options.type ?? null, data: options.data }]);
    else await sendLines(context, { store, type: options.type });
  } catch (error) {
    if (error instanceof Exit && error.code === EXIT.wrong) throw error;
    const sentence = error instanceof Exit ? error.message : sentenceFor(error, subject);
    throw new Exit(EXIT.failed, `${sentence} ${storedBefore(progress.stored)}`);
  } finally {
    await connection?.close();
  }
  context.stdout.write(`${events(progress.stored)} sent to ${queue} on ${shard.name}.\n`);
}

interface Sink {
  store(events: readonly NewEvent[]): Promise<void>;
  readonly type: string | undefined;
}

async function sendLines({ stdin, signal }: CliContext, { store, type }: Sink): Promise<void> {
  const stop = () => void stdin.destroy();
  signal.addEventListener('abort', stop, { once: true });
  let pending: NewEvent[] = [];
  let number = 0;
  try {
    for await (const line of linesOf(stdin)) {
      number += 1;
      if (line.trim() === '') continue;
      pending.push(parseEventLine(line, { type }));
      if (pending.length < LINES_PER_TRANSACTION) continue;
      await store(pending);
      pending = [];
    }
  } catch (error) {
    if (!signal.aborted) throw inLine(error, number);
  } finally {
    signal.removeEventListener('abort', stop);
  }
  await store(pending);
  if (signal.aborted) throw new Exit(EXIT.failed, `Stopped after line ${count(number)}.`);
}

function inLine(error: unknown, number: number): unknown {
  if (error instanceof BadLine) return new Exit(EXIT.failed, `Line ${count(number)} ${error.message}`);
  if (error instanceof TypeError) {
    return new Exit(EXIT.failed, `Line ${count(number + 1)} or one soon after it is not text in UTF-8.`);
  }
  return error;
}

/** @throws Exit for an unknown queue, with the nearest name, before the first event is read. */
async function mustExist(
  connection: Connection,
  { queue, shard }: { queue: string; shard: Shard },
): Promise<void> {
  const names = await queueNames(connection, { schema: shard.schema }).catch((error: unknown) => {
    const isWithoutPgq = ['3F000', '42883'].includes(sqlstateOf(error) ?? '');
    throw isWithoutPgq
      ? new Exit(EXIT.wrong, `Shard ${shard.name} has no PgQ: \`tributary install\` puts it there.`)
      : error;
  });
  if (names.includes(queue)) return;
  const meant = nearest(queue, names);
  const help =
    meant !== undefined
      ? `did you mean \`${meant}\`?`
      : names.length === 0
        ? 'it has none; `tributary install` creates those of the file.'
        : `it has ${names.slice(0, 10).join(', ')}${names.length > 10 ? ' and more' : ''}.`;
  throw new Exit(EXIT.wrong, `Shard ${shard.name} has no queue \`${queue}\`: ${help}`);
}

const events = (number: number): string => counted(number, 'event');

const storedBefore = (stored: number): string =>
  stored === 0
    ? 'Nothing was stored.'
    : `The ${events(stored)} before ${stored === 1 ? 'is' : 'are'} stored.`;
