// tributary shard move: lets a shard go on at another server with the same data.

import type { Config, Shard } from '../../../config/config.ts';
import { feedsOf } from '../../../config/feeds.ts';
import { shellWord } from '../../../errors/shell-word.ts';
import { counted } from '../../../errors/words.ts';
import {
  carryOutMove,
  type FoundMove,
  findMove,
  type MovedProof,
  proofOfMove,
} from '../../../succession/move.ts';
import { isStandby } from '../../../succession/servers.ts';
import { openSide, type ShardSide } from '../../../succession/side.ts';
import type { CliContext } from '../../context.ts';
import { EXIT, Exit } from '../../exit.ts';
import { operator } from '../../operator.ts';
import { shardNamed } from '../../shard-named.ts';
import { mustConfirm } from '../../terminal/confirm.ts';
import { type Column, json, table, widthOf } from '../../terminal/output.ts';
import { entryAt } from './entry-at.ts';
import { withCentral } from './with-central.ts';

export interface MoveRunOptions {
  readonly to?: string;
  readonly from?: string;
  readonly gone?: true;
  readonly dryRun?: true;
  readonly yes?: true;
  readonly json?: true;
}

const COLUMNS: readonly Column<MovedProof>[] = [
  { title: 'source', value: ({ source }) => source },
  { title: 'goes on behind tick', value: ({ tick }) => tick },
  { title: 'same tick there', value: ({ isSameTick }) => (isSameTick ? 'yes' : 'no') },
  { title: 'moved', value: ({ moved }) => moved },
  { title: 'waits there', value: ({ waiting }) => waiting },
  { title: 'only on the old one', value: ({ onlyOld }) => onlyOld },
];

export async function runMove(context: CliContext, name: string, options: MoveRunOptions): Promise<void> {
  if (options.to === undefined)
    throw new Exit(EXIT.wrong, `Say with --to where ${name} goes on: the URL of its database there.`);
  const config = await context.loadConfig();
  const entry = shardNamed(config, name);
  const to = entryAt(options.to, { entry, option: '--to', context });
  const from =
    options.from === undefined ? entry : entryAt(options.from, { entry, option: '--from', context });
  const queues = feedsOf(config).map(({ queue }) => queue);
  await withCentral(config, async (link, consumer) => {
    const open = async (shard: Shard) => await openSide(shard, { consumer, queues });
    const sides: ShardSide[] = [];
    try {
      const there = await open(to);
      sides.push(there);
      const here = options.gone ? undefined : await open(from);
      if (here !== undefined) sides.push(here);
      const old = here !== undefined && (await isStandby(here)) ? undefined : here;
      const request = { config, link, from: old, to: there };
      const found = await findMove(request);
      const plan = planOf(found, config);
      if (options.dryRun) {
        context.stdout.write(
          options.json ? json({ plan, done: false }) : `Would do this:\n${plan.join('\n')}\n`,
        );
        return;
      }
      if (options.yes !== true)
        await mustConfirm(context, { sentence: plan.join('\n'), question: 'Shall I do it?', verb: 'do it' });
      else if (!options.json) context.stderr.write(`${plan.join('\n')}\n`);
      await carryOutMove(found, { operator: operator() });
      prove(context, await proofOfMove(request), { options, name, config, to });
    } finally {
      for (const { connection } of sides) await connection.close();
    }
  });
}

function planOf({ request: { from, to }, isDone, sources }: FoundMove, { file }: Config): string[] {
  const { name, displayUrl } = to.shard;
  return [
    isDone
      ? `- Central has noted shard ${name} at ${displayUrl} already: what is missing there is installed.`
      : `- Shard ${name} goes on at ${displayUrl}${from === undefined ? '' : `, and no longer at ${from.shard.displayUrl}`}: no mover reads the old database from then on.`,
    ...sources.map(
      ({ stored, tick, waiting }) =>
        `- ${name}:${stored.queue} goes on behind tick ${tick}, which both have: ${counted(waiting, 'event')} ${waiting === 1 ? 'waits' : 'wait'} there.`,
    ),
    ...(from === undefined
      ? [
          '- The old server is not looked at: what was written there and is neither on the new one nor in central is lost.',
        ]
      : [
          '- Its producers must write to the new one alone from now on: what they still write to the old one is never moved.',
        ]),
    `- Then change its URL in ${file} on every host. Until something was moved from the new one, the way back is \`tributary shard move ${shellWord(name)} --to\` the old URL.`,
  ];
}

function prove(
  { stdout }: CliContext,
  rows: readonly MovedProof[],
  {
    options,
    name,
    config,
    to,
  }: { readonly options: MoveRunOptions; readonly name: string; readonly config: Config; readonly to: Shard },
): void {
  const faults = rows.flatMap(({ source, isSameTick, onlyOld = 0 }) => [
    ...(isSameTick
      ? []
      : [`${source}: the new database does not have the tick that central goes on behind.`]),
    ...(onlyOld === 0
      ? []
      : [
          `${source}: ${counted(onlyOld, 'event')} came in on the old database meanwhile, and ${onlyOld === 1 ? 'is' : 'are'} nowhere else: see to its producers.`,
        ]),
  ]);
  stdout.write(
    options.json
      ? json({ sources: rows, faults, done: true })
      : `${table(COLUMNS, rows, { width: widthOf(stdout) })}Shard ${name} is at ${to.displayUrl} now. Change its URL in ${config.file} on every host; until its mover has that file, its events wait.\n`,
  );
  if (faults.length > 0) throw new Exit(EXIT.failed, faults.join('\n'));
}
