// check: looks at everything that the file names with the runtime role, without a write.
//
// Looks at all databases at once, then judges by central's answer what should be on the shards. Where central cannot be
// asked, the shards are judged by their own facts.
import { existsSync } from 'node:fs';
import pLimit from 'p-limit';
import type { Config } from '../../config/config.ts';
import { workedIn } from '../../config/worked.ts';
import { tryLoad } from '../../handler/try-load.ts';
import { reachingWith } from '../facts/reach.ts';
import { wantedSources } from '../facts/sources.ts';
import { findMixUps, type MixUps } from '../plan/same-database.ts';
import { shardsThere, whyNotThisShard } from '../plan/whose-database.ts';
import type { CentralView } from './central-view.ts';
import { judgeShard } from './check-shard.ts';
import { look, type ShardLook } from './look.ts';
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
  const strangers = await findStrangers(config, { view: central.view, shards });
  const rows = [
    central.row,
    ...shards.map(({ shard, reading, problem = '', isRefused = false }) => {
      const wanted = wantedSources(config).length;
      if (reading === undefined) return unreachableRow(shard.name, shard, { wanted, problem, isRefused });
      const row = judgeShard(shard, { ...reading, config, view: central.view });
      const stranger = strangers.get(shard.name);
      // Under a wrong name the other findings mean nothing.
      return mixedUp(stranger === undefined ? row : { ...row, problems: [stranger] }, mixUps);
    }),
  ];
  const problems = [
    ...handlers.flatMap(({ queue, problem }) =>
      problem === undefined ? [] : [`Queue ${queue}: ${problem}`],
    ),
    ...rows.flatMap((row) => row.problems),
    ...leftBehind(config, central.view),
  ];
  return { rows, handlers, problems };
}

/** Sources that the file no longer names: their shards keep every event for them. */
function leftBehind(config: Config, view: CentralView | undefined): string[] {
  const shards = new Set(config.shards.map(({ name }) => name));
  const wanted = new Set(wantedSources(config).map(({ queue }) => queue));
  return [...(view?.sources ?? [])].flatMap(([shard, queues]) => {
    const left = [...queues].filter(
      ([queue, { state }]) => state !== 'retired' && !(shards.has(shard) && wanted.has(queue)),
    );
    if (left.length === 0) return [];
    const names = left.map(([queue]) => `${shard}:${queue}`).join(', ');
    return [
      `${names} ${left.length === 1 ? 'is' : 'are'} not in ${config.file}, and the shard keeps all events since for central: put it back, or let go of it as docs/operating.md tells.`,
    ];
  });
}

/** Databases that are not the shards that the file takes them for: why, by name. */
async function findStrangers(
  config: Config,
  { view, shards }: { readonly view: CentralView | undefined; readonly shards: readonly ShardLook[] },
): Promise<ReadonlyMap<string, string>> {
  if (view === undefined) return new Map();
  const { consumer, names } = view;
  const reach = reachingWith({ applicationName: 'tributary check' });
  const found = await Promise.all(
    shards.map(async ({ shard, reading }): Promise<[string, string][]> => {
      if (reading === undefined) return [];
      const mistake = await whyNotThisShard(shard, {
        config,
        facts: reading.facts,
        wanted: wantedSources(config, shard),
        known: view.sources.get(shard.name) ?? new Map(),
        consumer,
        names,
        ask: (marks) => reach(shard, (connection) => shardsThere(connection, shard, marks)),
      });
      return mistake === undefined ? [] : [[shard.name, mistake]];
    }),
  );
  return new Map(found.flat());
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
async function checkHandlers(config: Config): Promise<HandlerCheck[]> {
  const limited = pLimit(LOADED_AT_ONCE);
  const tried = new Map<string, Promise<string | undefined>>();
  return await Promise.all(
    workedIn(config).flatMap(({ name, handler: file }) => {
      if (file === undefined) return [];
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
