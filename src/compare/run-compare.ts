// Compares the tables of many shards with central, a few shards at a time, and repairs what differs where that is wanted.
import pLimit from 'p-limit';
import { openFor, openShard, readTargets } from '../apply/copy/run-copy.ts';
import { type SourceTable, sourceTables } from '../apply/copy/source-table.ts';
import type { Target } from '../apply/target.ts';
import { CentralLink } from '../central/central-link.ts';
import { readIdentity } from '../central/identity.ts';
import type { Config, Queue, Shard } from '../config/config.ts';
import { sentenceFor } from '../errors/sentence.ts';
import type { Connection } from '../postgres/connection.ts';
import { consumerName, groupName } from '../queue/names.ts';
import { openSide } from '../succession/side.ts';
import { type Compared, compareTable } from './compare-table.ts';
import { untilPassed } from './passed.ts';
import { repairRows } from './repair-rows.ts';

export interface CompareRun {
  readonly config: Config;
  readonly queue: Queue;
  readonly shards: readonly Shard[];
  readonly atOnce: number;
  readonly isToRepair: boolean;
  /** How long may pass until what is committed is applied. */
  readonly patienceMs: number;
  readonly signal: AbortSignal;
  onShard?(shard: string, trouble: string | undefined): void;
}

export interface ComparedShard extends Compared {
  readonly shard: string;
  readonly source: string;
  readonly applied: string;
  readonly repaired: number;
}

export interface CompareResult {
  readonly tables: readonly ComparedShard[];
  readonly troubles: readonly { readonly shard: string; readonly sentence: string }[];
}

/** A shard that cannot be compared keeps no other waiting. @throws where central cannot be used. */
export async function runCompare(run: CompareRun): Promise<CompareResult> {
  const { config, queue, shards } = run;
  const link = new CentralLink(config, 'compare');
  const troubles: { shard: string; sentence: string }[] = [];
  const limited = pLimit(run.atOnce);
  try {
    const { id } = await readIdentity(link, config.name);
    const targets = await link.use((central) => readTargets(central, queue));
    const consumer = consumerName(config.name, id);
    const tables = await Promise.all(
      shards.map((shard) =>
        limited(async () => {
          let trouble: string | undefined;
          const done: ComparedShard[] = [];
          try {
            if (!run.signal.aborted) await compareShard(run, shard, { link, targets, consumer, done });
          } catch (error) {
            trouble = sentenceFor(error, `Shard ${shard.name}`);
            troubles.push({ shard: shard.name, sentence: trouble });
          }
          run.onShard?.(shard.name, trouble);
          return done;
        }),
      ),
    );
    return { tables: tables.flat(), troubles };
  } finally {
    await link.close();
  }
}

interface Given {
  readonly link: CentralLink;
  readonly targets: readonly Target[];
  readonly consumer: string;
  /** Filled table by table. */
  readonly done: ComparedShard[];
}

async function compareShard(run: CompareRun, shard: Shard, given: Given): Promise<void> {
  const { config, queue, patienceMs, signal } = run;
  const { link, targets, consumer, done } = given;
  const side = await openSide(shard, { consumer, queues: queue.from });
  const opened: Connection[] = [side.connection];
  try {
    const [there, here] = await Promise.all([openShard(shard, 'compare'), openFor(config, 'compare')]);
    opened.push(there, here);
    const group = groupName(config);
    const passed = () => untilPassed({ link, side, queue, group, patienceMs, signal });
    for (const target of targets) {
      const sources = await sourceTables(there, target, shard.name);
      const table = { target, sources, known: await knownTypes(there, target) };
      const found = await compareTable({ table, shardName: shard.name, shard: there, central: here, passed });
      const repaired = run.isToRepair
        ? await repair(run, { target, sources, shard: there, central: here, found })
        : 0;
      done.push({ ...found, shard: shard.name, source: target.source, applied: target.table, repaired });
    }
  } finally {
    await Promise.all(opened.map((connection) => connection.close()));
  }
}

/** Of the types of the table on central those that the shard has by the same name. */
async function knownTypes(shard: Connection, { columns }: Target): Promise<Set<string>> {
  const types = [...new Set([...columns.values()].map(({ type }) => type))];
  const rows = await shard.query<{ type: string }>(
    'select t as type from unnest($1::text[]) t where pg_catalog.to_regtype(t) is not null',
    [types],
  );
  return new Set(rows.map(({ type }) => type));
}

async function repair(
  { queue }: CompareRun,
  {
    target,
    sources,
    shard,
    central,
    found,
  }: {
    readonly target: Target;
    readonly sources: readonly SourceTable[];
    readonly shard: Connection;
    readonly central: Connection;
    readonly found: Compared;
  },
): Promise<number> {
  const { differences } = found;
  const [source, ...others] = sources;
  if (differences.length === 0 || source === undefined) return 0;
  return await repairRows({
    ...{ queue: queue.name, target, shard, central, differences },
    sources: [source, ...others],
  });
}
