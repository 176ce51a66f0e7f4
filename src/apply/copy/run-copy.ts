// Copies the rows of many shards at once: a look at all of them, then the copies, a few at a time.
import pLimit from 'p-limit';
import { readSources } from '../../central/positions.ts';
import type { Config, Queue, Shard } from '../../config/config.ts';
import { sentenceFor } from '../../errors/sentence.ts';
import { Connection } from '../../postgres/connection.ts';
import { readTarget } from '../read-target.ts';
import { type Target, unfit } from '../target.ts';
import { beginCopies, noteTrouble, type StoredCopy } from './copies.ts';
import { type CopyState, copyTable } from './copy-table.ts';
import { type SourceTable, sharedColumns, sourceTables } from './source-table.ts';

export interface CopyRun {
  readonly config: Config;
  readonly queue: Queue;
  readonly shards: readonly Shard[];
  /** How many shards are copied at a time. */
  readonly atOnce: number;
  /** From the beginning, also what was copied. */
  readonly isAgain: boolean;
  readonly signal: AbortSignal;
  /** Called behind each shard. @param trouble why it could not be copied. */
  onShard?(shard: string, trouble: string | undefined): void;
}

export interface CopiedTable {
  readonly shard: string;
  readonly source: string;
  readonly applied: string;
  readonly state: CopyState['state'];
  readonly rows: number;
}

export interface CopyResult {
  readonly tables: readonly CopiedTable[];
  /** Sentences, by shard. */
  readonly troubles: readonly { readonly shard: string; readonly sentence: string }[];
}

interface Found {
  readonly target: Target;
  readonly source: SourceTable;
}

/** The tables of central that the queue's changes are applied to. @throws where one of them does not fit. */
export async function readTargets(central: Connection, queue: Queue): Promise<Target[]> {
  const { apply } = queue;
  if (apply === undefined)
    throw unfit(
      `Queue ${queue.name} has no \`apply\` in the file, so its events are no changes of tables.`,
      'Name a queue that has.',
    );
  const targets: Target[] = [];
  for (const one of apply) targets.push(await readTarget(central, one));
  return targets;
}

export const openFor = (config: Config, what: string): Promise<Connection> =>
  Connection.open(config.central, { applicationName: `tributary ${what} ${config.name}`, owner: 'Central' });

export const openShard = (shard: Shard, what: string): Promise<Connection> =>
  Connection.open(shard, { applicationName: `tributary ${what}`, owner: `Shard ${shard.name}` });

/** A shard that cannot be copied keeps no other waiting. @throws where central cannot be used. */
export async function runCopy(run: CopyRun): Promise<CopyResult> {
  const { config, queue, shards, atOnce } = run;
  const central = await openFor(config, 'copy');
  const troubles: { shard: string; sentence: string }[] = [];
  const limited = pLimit(atOnce);
  try {
    const targets = await readTargets(central, queue);
    const sources = await readSources(
      central,
      shards.map(({ name }) => name),
    );
    const trying = async <T>(shard: Shard, work: () => Promise<T>): Promise<T | undefined> => {
      try {
        return await work();
      } catch (error) {
        const trouble = { shard: shard.name, sentence: sentenceFor(error, `Shard ${shard.name}`) };
        troubles.push(trouble);
        await noteTrouble(central, queue.name, trouble).catch(() => {});
        return undefined;
      }
    };
    const looked = await Promise.all(
      shards.map((shard) =>
        limited(() =>
          trying(shard, async () => {
            const moved = sources.filter(
              (source) => source.shard === shard.name && source.position !== undefined,
            );
            const missing = queue.from.find((from) => !moved.some((source) => source.queue === from));
            if (missing !== undefined)
              throw unfit(
                `Source ${shard.name}:${missing} is not installed, so changes made meanwhile would be lost.`,
                'Run `tributary install`, then this again.',
              );
            return { shard, found: await lookAt(shard, queue, targets) };
          }),
        ),
      ),
    );
    const ready = looked.filter((one) => one !== undefined);
    const names = ready.flatMap(({ found }) =>
      found.map(({ target, source }) => ({
        applied: target.table,
        shard: source.shard,
        source: source.name,
      })),
    );
    const stored = await beginCopies(central, queue.name, { names, isAgain: run.isAgain });
    const tables = await Promise.all(
      ready.map(({ shard, found }) =>
        limited(async () => {
          const done = run.signal.aborted
            ? undefined
            : await trying(shard, () => copyShard(run, shard, { found, stored }));
          run.onShard?.(shard.name, troubles.find((one) => one.shard === shard.name)?.sentence);
          return done ?? [];
        }),
      ),
    );
    return { tables: tables.flat(), troubles };
  } finally {
    await central.close();
  }
}

async function lookAt(shard: Shard, queue: Queue, targets: readonly Target[]): Promise<Found[]> {
  const connection = await openShard(shard, 'copy');
  try {
    const found: Found[] = [];
    for (const target of targets)
      for (const source of await sourceTables(connection, target, shard.name)) {
        sharedColumns(source, target);
        if (!source.capturedInto.some((into) => queue.from.includes(into)))
          throw unfit(
            `Table ${source.name} of shard ${shard.name} has no trigger that puts each insert, update and delete into queue ${queue.from.join(' or ')}, so changes made meanwhile would be lost.`,
            'Capture it first, then run this again.',
          );
        found.push({ target, source });
      }
    return found;
  } finally {
    await connection.close();
  }
}

async function copyShard(
  { config, queue, signal }: CopyRun,
  shard: Shard,
  { found, stored }: { readonly found: readonly Found[]; readonly stored: readonly StoredCopy[] },
): Promise<CopiedTable[]> {
  const [from, to] = await Promise.all([openShard(shard, 'copy'), openFor(config, 'copy')]);
  try {
    const done: CopiedTable[] = [];
    for (const { target, source } of found) {
      const at = stored.find(
        (one) => one.shard === shard.name && one.applied === target.table && one.source === source.name,
      );
      if (at === undefined) continue;
      const { state, rows } = await copyTable(
        {
          ...{ queue: queue.name, target, source, shard: from, central: to, signal },
        },
        at,
      );
      done.push({ shard: shard.name, source: source.name, applied: target.table, state, rows });
    }
    return done;
  } finally {
    await Promise.all([from.close(), to.close()]);
  }
}
