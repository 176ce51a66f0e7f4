// For a command, which asks once: the file's configuration with the shards of its queries.
import type { Config } from '../config/config.ts';
import type { ShardRow } from '../config/sections/queried-shards.ts';
import { sentenceFor } from '../errors/sentence.ts';
import { askQuery } from './ask-query.ts';
import { completed, keyOf } from './completed.ts';

export interface CompleteConfig {
  readonly config: Config;
  /** Why a query gave no shards, and which rows are none. */
  readonly mistakes: readonly string[];
  /** Whether a query did not answer: shards of it are not known then. */
  readonly isIncomplete: boolean;
}

/** Never throws. */
export async function complete(file: Config, env: NodeJS.ProcessEnv): Promise<CompleteConfig> {
  const rows = new Map<string, readonly ShardRow[]>();
  const failures: string[] = [];
  await Promise.all(
    file.shardQueries.map(async (query) => {
      try {
        rows.set(keyOf(query), await askQuery(query, file));
      } catch (error) {
        failures.push(sentenceFor(error, `The query of ${query.place}`));
      }
    }),
  );
  const { config, mistakes } = completed(file, rows, { env });
  return { config, mistakes: [...failures, ...mistakes], isIncomplete: failures.length > 0 };
}
