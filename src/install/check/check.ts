// check: everything that the file names, looked at with the runtime role and without a write.
//
// All databases at once; what is wrong is judged when central has told what should be on the shards. Where central cannot be
// asked, the shards are judged by what they show themselves.
import { existsSync } from 'node:fs';
import type { Config } from '../../config/config.ts';
import { findMixUps, type MixUps } from '../same-database.ts';
import { wantedSources } from '../sources.ts';
import { judgeShard } from './check-shard.ts';
import { look } from './look.ts';
import { type CheckRow, unreachableRow } from './row.ts';

export interface HandlerCheck {
  readonly queue: string;
  readonly file: string;
  readonly exists: boolean;
}

export interface CheckReport {
  readonly rows: readonly CheckRow[];
  readonly handlers: readonly HandlerCheck[];
  /** All that is wrong, in sentences. */
  readonly problems: readonly string[];
}

export async function check(config: Config): Promise<CheckReport> {
  const { central, shards } = await look(config, { applicationName: 'tributary check' });
  const reached = shards.flatMap(({ shard, reading }) =>
    reading === undefined ? [] : [{ shard, identity: reading.facts.server.identity }],
  );
  const mixUps = findMixUps(config, { reached, centralIdentity: central.facts?.server.identity });
  const rows = [
    central.row,
    ...shards.map(({ shard, reading, problem = '' }) => {
      const wanted = wantedSources(config).length;
      if (reading === undefined) return unreachableRow(shard.name, shard, { wanted, problem });
      return mixedUp(judgeShard(shard, { ...reading, config, view: central.view }), mixUps);
    }),
  ];
  const handlers = checkHandlers(config);
  const absent = handlers
    .filter(({ exists }) => !exists)
    .map(
      ({ queue, file }) =>
        `The handler of queue ${queue}, ${file}, does not exist: write it, or correct \`handler:\`.`,
    );
  return { rows, handlers, problems: [...absent, ...rows.flatMap(({ problems }) => problems)] };
}

function mixedUp(row: CheckRow, { mistakes, warnings }: MixUps): CheckRow {
  const mistake = mistakes.get(row.name);
  const warning = warnings.get(row.name);
  return {
    ...row,
    problems: [...row.problems, ...(mistake === undefined ? [] : [mistake])],
    warnings: [...row.warnings, ...(warning === undefined ? [] : [warning])],
  };
}

function checkHandlers({ queues }: Config): HandlerCheck[] {
  return queues.flatMap(({ name, workers, handler }) =>
    workers === 'none' || handler === undefined
      ? []
      : [{ queue: name, file: handler, exists: existsSync(handler) }],
  );
}
