// check: everything that the file names, looked at with the runtime role and without a write.
//
// All databases at once; what is wrong is judged when central has told what should be on the shards. Where central cannot be
// asked, the shards are judged by what they show themselves.
import { existsSync } from 'node:fs';
import pLimit from 'p-limit';
import type { Config } from '../../config/config.ts';
import { tryLoad } from '../../handler/try-load.ts';
import { findMixUps, type MixUps } from '../same-database.ts';
import { wantedSources } from '../sources.ts';
import { judgeShard } from './check-shard.ts';
import { look } from './look.ts';
import { type CheckRow, unreachableRow } from './row.ts';

/** Handlers, each in a process of its own. */
const LOADED_AT_ONCE = 4;

export interface HandlerCheck {
  readonly queue: string;
  readonly file: string;
  /** Undefined: a worker can use it. */
  readonly problem: string | undefined;
}

export interface CheckReport {
  readonly rows: readonly CheckRow[];
  readonly handlers: readonly HandlerCheck[];
  /** All that is wrong, in sentences. */
  readonly problems: readonly string[];
}

export async function check(config: Config): Promise<CheckReport> {
  const [{ central, shards }, handlers] = await Promise.all([
    look(config, { applicationName: 'tributary check' }),
    checkHandlers(config),
  ]);
  const reached = shards.flatMap(({ shard, reading }) =>
    reading === undefined ? [] : [{ shard, identity: reading.facts.server.identity }],
  );
  const mixUps = findMixUps(config, { reached, centralIdentity: central.facts?.server.identity });
  const rows = [
    central.row,
    ...shards.map(({ shard, reading, problem = '', isRefused = false }) => {
      const wanted = wantedSources(config).length;
      if (reading === undefined) return unreachableRow(shard.name, shard, { wanted, problem, isRefused });
      return mixedUp(judgeShard(shard, { ...reading, config, view: central.view }), mixUps);
    }),
  ];
  return {
    rows,
    handlers,
    problems: [
      ...handlers.flatMap(({ queue, problem }) =>
        problem === undefined ? [] : [`Queue ${queue}: ${problem}`],
      ),
      ...rows.flatMap(({ problems }) => problems),
    ],
  };
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

/** Each file is loaded once, as a worker does. */
async function checkHandlers({ queues }: Config): Promise<HandlerCheck[]> {
  const limited = pLimit(LOADED_AT_ONCE);
  const tried = new Map<string, Promise<string | undefined>>();
  return await Promise.all(
    queues.flatMap(({ name, workers, handler: file }) => {
      if (workers === 'none' || file === undefined) return [];
      const trial = tried.get(file) ?? limited(() => whyOfNoUse(file));
      tried.set(file, trial);
      return trial.then((problem) => ({ queue: name, file, problem }));
    }),
  );
}

async function whyOfNoUse(file: string): Promise<string | undefined> {
  if (existsSync(file)) return await tryLoad(file);
  return `The handler ${file} does not exist: write it, or correct \`handler:\`.`;
}
