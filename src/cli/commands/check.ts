// tributary check: whether everything that the file names is there and can be used. A row for each database.
import type { Command } from 'commander';
import { counted } from '../../errors/words.ts';
import { check, type HandlerCheck } from '../../install/check/check.ts';
import type { CheckRow } from '../../install/check/row.ts';
import { sessionsThatHold } from '../../observability/doctor/doctor.ts';
import type { CliContext } from '../context.ts';
import { EXIT, Exit } from '../exit.ts';
import { type Column, count, json, seconds, table, widthOf } from '../terminal/output.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('check')
    .description('looks at the file and every database in it, and says what is wrong')
    .option('--json', 'one JSON document')
    .action(async (options: { json?: true }) => {
      const wrong: string[] = [];
      const config = await context.loadConfig({
        queries: 'try',
        onMistake: (sentence) => void wrong.push(sentence),
      });
      const found = await check(config);
      const { rows, handlers } = found;
      const problems = [...wrong, ...found.problems];
      const reached = new Set(rows.filter(({ isReachable }) => isReachable).map(({ name }) => name));
      const shards = config.shards.filter(({ name }) => reached.has(name));
      const held = reached.has('central') ? await sessionsThatHold(config, shards) : [];
      if (options.json) {
        context.stdout.write(
          json({
            at: new Date().toISOString(),
            healthy: problems.length === 0,
            databases: rows.map(asJson),
            handlers: handlers.map(({ queue, file, problem }) => ({ queue, file, problem: problem ?? null })),
            problems,
            held_by: held.map(({ sentence }) => sentence),
          }),
        );
      } else {
        context.stdout.write(table(COLUMNS, rows, { width: widthOf(context.stdout) }));
        for (const warning of rows.flatMap(({ warnings }) => warnings)) {
          context.stdout.write(`note: ${warning}\n`);
        }
        for (const { sentence } of held) context.stdout.write(`note: ${sentence}\n`);
        for (const problem of problems) context.stdout.write(`${problem}\n`);
        context.stdout.write(`${summary(rows, handlers)}\n`);
      }
      if (problems.length > 0) throw new Exit(EXIT.unhealthy);
    });
}

/** `13 databases, 12 not well; 2 of 3 handlers cannot be used.` */
function summary(rows: readonly CheckRow[], handlers: readonly HandlerCheck[]): string {
  const ill = rows.filter(({ problems }) => problems.length > 0).length;
  const useless = new Set(handlers.flatMap(({ file, problem }) => (problem === undefined ? [] : [file])))
    .size;
  const files = new Set(handlers.map(({ file }) => file)).size;
  const databases = `${counted(rows.length, 'database')}, ${ill === 0 ? 'all' : `${count(ill)} not`} well`;
  return useless === 0
    ? `${databases}.`
    : `${databases}; ${count(useless)} of ${counted(files, 'handler')} cannot be used.`;
}

const COLUMNS: readonly Column<CheckRow>[] = [
  { title: 'database', value: ({ name }) => name },
  { title: 'url', value: ({ url }) => url },
  {
    title: 'server',
    value: ({ isReachable, isRefused, serverVersion }) =>
      isReachable ? serverVersion : isRefused ? 'refuses us' : 'unreachable',
  },
  {
    title: 'pgq',
    value: ({ provider, version }) =>
      provider === undefined ? undefined : `${provider} ${version ?? ''}`.trim(),
  },
  {
    title: 'rights',
    value: ({ isReachable, missingPrivileges }) =>
      isReachable
        ? missingPrivileges.length === 0
          ? 'all'
          : `${missingPrivileges.length} missing`
        : undefined,
  },
  { title: 'ticked by', value: ({ tickedBy }) => tickedBy },
  {
    title: 'last tick',
    value: ({ lastTickSeconds }) =>
      lastTickSeconds === undefined ? undefined : `${seconds(lastTickSeconds)} ago`,
    align: 'right',
  },
  {
    title: 'clock',
    value: ({ clockSkewMs }) =>
      clockSkewMs === undefined ? undefined : `${clockSkewMs >= 0 ? '+' : ''}${clockSkewMs} ms`,
    align: 'right',
  },
  {
    title: 'queues',
    value: ({ isReachable, inPlace, wanted }) =>
      isReachable && inPlace !== undefined ? `${inPlace} of ${wanted}` : undefined,
    align: 'right',
  },
  { title: 'state', value: ({ problems }) => (problems.length === 0 ? 'well' : `${problems.length} wrong`) },
];

/** Stable keys. */
const asJson = (row: CheckRow) => ({
  name: row.name,
  url: row.url,
  reachable: row.isReachable,
  server_version: row.serverVersion ?? null,
  provider: row.provider ?? null,
  version: row.version ?? null,
  missing_privileges: row.missingPrivileges,
  ticked_by: row.tickedBy ?? null,
  last_tick_seconds: row.lastTickSeconds ?? null,
  clock_skew_ms: row.clockSkewMs ?? null,
  missing_queues: row.missingQueues,
  in_place: row.inPlace ?? null,
  wanted: row.wanted,
  healthy: row.problems.length === 0,
  problems: row.problems,
  warnings: row.warnings,
});
