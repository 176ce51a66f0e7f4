// tributary check: is everything that the file names there, and may we use it? A row per database.
import type { Command } from 'commander';
import { check } from '../install/check/check.ts';
import type { CheckRow } from '../install/check/row.ts';
import type { CliContext } from './context.ts';
import { EXIT, Exit } from './exit.ts';
import { type Column, count, json, seconds, table, widthOf } from './output.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('check')
    .description('looks at the file and every database in it, and says what is wrong')
    .option('--json', 'one JSON document')
    .action(async (options: { json?: true }) => {
      const config = await context.loadConfig();
      const { rows, handlers, problems } = await check(config);
      if (options.json) {
        context.stdout.write(
          json({
            at: new Date().toISOString(),
            healthy: problems.length === 0,
            databases: rows.map(asJson),
            handlers: handlers.map(({ queue, file, problem }) => ({ queue, file, problem: problem ?? null })),
            problems,
          }),
        );
      } else {
        context.stdout.write(table(COLUMNS, rows, { width: widthOf(context.stdout) }));
        for (const warning of rows.flatMap(({ warnings }) => warnings)) {
          context.stdout.write(`note: ${warning}\n`);
        }
        for (const problem of problems) context.stdout.write(`${problem}\n`);
        if (problems.length === 0) context.stdout.write(`${count(rows.length)} databases, all well.\n`);
      }
      if (problems.length > 0) throw new Exit(EXIT.unhealthy);
    });
}

const COLUMNS: readonly Column<CheckRow>[] = [
  { title: 'database', value: ({ name }) => name },
  { title: 'url', value: ({ url }) => url },
  {
    title: 'server',
    value: ({ isReachable, serverVersion }) => (isReachable ? serverVersion : 'unreachable'),
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
    value: ({ isReachable, inPlace, wanted }) => (isReachable ? `${inPlace} of ${wanted}` : undefined),
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
  in_place: row.inPlace,
  wanted: row.wanted,
  healthy: row.problems.length === 0,
  problems: row.problems,
  warnings: row.warnings,
});
