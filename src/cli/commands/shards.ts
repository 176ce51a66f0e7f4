// tributary shards: lists the shards, and the machines that move them.
import type { Command } from 'commander';
import { type ListedShard, listShards } from '../../install/check/list-shards.ts';
import type { CliContext } from '../context.ts';
import { type Column, json, table, widthOf } from '../terminal/output.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('shards')
    .description('lists the shards, the mover of each, and its state')
    .option('--json', 'one JSON document')
    .action(async (options: { json?: true }) => {
      const config = await context.loadConfig({ queries: 'try' });
      const { shards, trouble } = await listShards(config);
      if (trouble !== undefined) context.stderr.write(`${trouble}\n`);
      context.stdout.write(
        options.json
          ? json({ shards: shards.map(asJson) })
          : table(COLUMNS, shards, { width: widthOf(context.stdout) }),
      );
    });
}

const COLUMNS: readonly Column<ListedShard>[] = [
  { title: 'shard', value: ({ name }) => name },
  { title: 'host', value: ({ host }) => host },
  { title: 'url', value: ({ url }) => url },
  { title: 'pgq', value: ({ provider }) => provider },
  { title: 'held by', value: ({ holder }) => holder },
  { title: 'state', value: ({ state }) => state },
  { title: 'reason', value: ({ reason }) => reason },
];

/** Stable keys. */
const asJson = ({ name, host, url, provider, holder, state, reason }: ListedShard) => ({
  name,
  host,
  url,
  provider: provider ?? null,
  holder: holder ?? null,
  state,
  reason: reason ?? null,
});
