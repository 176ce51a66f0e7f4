// From the file to a frozen Config, or to all its mistakes at once.
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Config } from './config.ts';
import type { Problem } from './report.ts';
import { readCaptures } from './sections/capture.ts';
import { ACCESS_KEYS, compact, readAccess, readCentral } from './sections/database.ts';
import { loopOf } from './sections/place.ts';
import { readQueues } from './sections/queues.ts';
import { readSchedules } from './sections/schedules.ts';
import { readHttp, readInstall, readMetrics, readMover, readName } from './sections/settings.ts';
import { readShards } from './sections/shards.ts';
import { whyUnreadable } from './sections/tls.ts';
import { parseYaml } from './syntax.ts';
import { Value } from './value.ts';

/** Either a configuration or what is wrong with the file; `config === undefined` tells which. */
export type LoadResult =
  | { readonly config: Config; readonly problems?: undefined; readonly warnings: readonly Problem[] }
  | {
      readonly config?: undefined;
      readonly problems: readonly Problem[];
      readonly warnings: readonly Problem[];
    };

export interface LoadOptions {
  /** Where `!env NAME` and PGUSER are looked up; default process.env. */
  readonly env?: NodeJS.ProcessEnv;
  /** What a relative `path` is relative to; default the working directory. */
  readonly cwd?: string;
}

const KEYS = [
  ...['name', 'central', 'shards', 'defaults', 'queues', 'schedules', 'mover', 'http', 'metrics'],
  ...['install', 'watch', 'routes', 'capture'],
];

/** @param path as the user wrote it: problems name the file like that. */
export function loadConfig(
  path: string,
  { env = process.env, cwd = process.cwd() }: LoadOptions = {},
): LoadResult {
  const file = resolve(cwd, path);
  const alone = (sentence: string): LoadResult => ({
    problems: [{ file: path, line: 1, column: 1, sentence }],
    warnings: [],
  });
  let bytes: Buffer;
  let mode: number;
  try {
    bytes = readFileSync(file);
    mode = statSync(file).mode;
  } catch (error) {
    const remedy = 'write one with `tributary init`, or name another with -c';
    return alone(`The configuration ${whyUnreadable(error)}: ${remedy}.`);
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return alone('The configuration is not text in UTF-8: save it as such.');
  }
  const { document, report } = parseYaml(text, path);
  if (report.problems.length > 0) return { problems: report.problems, warnings: [] };
  const root = new Value(
    {
      report,
      document,
      text,
      env,
      folder: dirname(file),
      isReadableByOthers: process.platform !== 'win32' && (mode & 0o077) !== 0,
    },
    document.contents,
    { path: '', at: 0 },
  );
  const parts = readRoot(root);
  const { problems, warnings } = report;
  if (problems.length > 0 || parts === undefined) return { problems, warnings };
  return {
    config: freeze({ file, hash: createHash('sha256').update(bytes).digest('hex'), ...parts }),
    warnings,
  };
}

/** Undefined only where a problem was reported. */
function readRoot(root: Value): Omit<Config, 'file' | 'hash'> | undefined {
  if (root.isEmpty) return root.problem('The file is empty: `tributary init` writes one to start from.');
  const section = root.section(KEYS);
  if (section === undefined) return undefined;
  const name = readName(section.get('name'));
  const defaults = section.get('defaults')?.section([...ACCESS_KEYS, 'schema', 'port', 'host']);
  const access = defaults === undefined ? {} : readAccess(defaults);
  const centralValue = section.require('central', '`central: !env CENTRAL_URL`, or a URL');
  const central = centralValue === undefined ? undefined : readCentral(centralValue, access);
  const shardsValue = section.require('shards', 'a list with the URL of each database under `shards:`');
  const { shards, shardQueries } =
    shardsValue === undefined
      ? { shards: [], shardQueries: [] }
      : readShards(shardsValue, { defaults: access, central });
  const { keepMs, ...mover } = readMover(section.get('mover'));
  const queuesValue = section.require('queues', 'each central queue under `queues:`');
  const { queues: fed, routes }: Pick<Config, 'queues' | 'routes'> =
    queuesValue === undefined
      ? { queues: [] }
      : readQueues(queuesValue, { keepMs, routes: section.get('routes') });
  const { captures, queues } = readCaptures(section.get('capture'), { name, queues: fed });
  const schedules = readSchedules(section.get('schedules'), queues);
  const http = readHttp(section.get('http'));
  const metrics = readMetrics(section.get('metrics'));
  const install = readInstall(section.get('install'));
  const watch = section.get('watch')?.yesOrNo() ?? false;
  if (central === undefined) return undefined;
  for (const shard of shards) {
    const loop = loopOf(shard, { central, queues });
    if (loop !== undefined) shardsValue?.problem(loop);
  }
  return compact({
    name,
    central,
    shards,
    shardQueries,
    install,
    watch,
    queues,
    routes,
    schedules,
    captures,
    mover,
    metrics,
    http,
  });
}

/** So that nothing can be changed in it, however deep. */
export function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    for (const part of Object.values(value)) freeze(part);
    Object.freeze(value);
  }
  return value;
}
