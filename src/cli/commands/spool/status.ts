// tributary spool status FOLDER: what waits in a spool, from its folder alone.
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { sentenceAge } from '../../../errors/age.ts';
import { counted } from '../../../errors/words.ts';
import { sizeInWords } from '../../../spool/mistakes.ts';
import { spoolStatus, type WriterStatus } from '../../../spool/status.ts';
import type { CliContext } from '../../context.ts';
import { EXIT, Exit } from '../../exit.ts';
import { type Column, json, table, widthOf } from '../../terminal/output.ts';

const COLUMNS: readonly Column<WriterStatus>[] = [
  { title: 'writer', value: ({ writer }) => writer },
  { title: 'files', value: ({ files }) => files },
  { title: 'size', value: ({ bytes }) => sizeInWords(bytes), align: 'right' },
  { title: 'delivered to', value: ({ delivered }) => delivered },
  { title: 'waiting', value: ({ events }) => events },
  { title: 'oldest', value: ({ oldestMs }) => ageOf(oldestMs), align: 'right' },
];

export function register(spool: Command, context: CliContext): void {
  spool
    .command('status')
    .description('shows what waits in a spool; the shard is not asked')
    .argument('<folder>', 'the folder of the spool')
    .option('--json', 'one JSON document')
    .action((folder: string, options: { readonly json?: true }) => show(folder, options, context));
}

function show(given: string, options: { readonly json?: true }, context: CliContext): void {
  const folder = resolve(context.cwd, given);
  const status = spoolStatus(folder);
  if (status === undefined) throw new Exit(EXIT.failed, `${folder} is no spool.`);
  const { writers, damaged, refused, isCopy, spooler, spool } = status;
  const sum = (of: (writer: WriterStatus) => number) => writers.reduce((all, one) => all + of(one), 0);
  const events = sum((one) => one.events);
  const oldest = writers.flatMap(({ oldestMs }) => oldestMs ?? []).toSorted((a, b) => a - b)[0];
  if (options.json) {
    const total = { files: sum((one) => one.files), bytes: sum((one) => one.bytes), waiting: events };
    context.stdout.write(
      json({
        ...{
          folder,
          spool,
          ...total,
          oldest: timeOf(oldest),
          damaged,
          refused,
          copy: isCopy,
          spooler: spooler ?? null,
        },
        writers: writers.map(({ oldestMs, events: waiting, ...one }) => ({
          ...one,
          waiting,
          oldest: timeOf(oldestMs),
        })),
      }),
    );
    return;
  }
  if (writers.length > 0) context.stdout.write(table(COLUMNS, writers, { width: widthOf(context.stdout) }));
  const waits =
    events === 0 ? 'Nothing waits' : `${counted(events, 'event')} wait, the oldest for ${ageOf(oldest)}`;
  const by =
    spooler === undefined
      ? 'no spooler delivers it'
      : `process ${spooler.pid} on ${spooler.host} delivers it`;
  context.stdout.write(`${waits}; ${by}.\n`);
  if (damaged > 0) context.stdout.write(`${counted(damaged, 'damaged file')} in ${folder}/damaged.\n`);
  for (const { path, files } of refused)
    context.stdout.write(
      `${counted(files, 'record')} set aside: cat ${join(path, '*.ndjson')} | tributary send QUEUE --shard NAME\n`,
    );
  if (isCopy) context.stdout.write('It is a copy of another spool, or was restored.\n');
}

const timeOf = (ms: number | undefined): string | null =>
  ms === undefined ? null : new Date(ms).toISOString();

const ageOf = (ms: number | undefined): string | undefined =>
  ms === undefined ? undefined : sentenceAge((Date.now() - ms) / 1_000);
