// tributary schedule: lists the schedules of the file, runs one now, pauses them and lets them go on.
import type { Command } from 'commander';
import { CentralLink } from '../../central/central-link.ts';
import { noted } from '../../central/logbook/note.ts';
import type { Config, Schedule } from '../../config/config.ts';
import { nearest } from '../../config/nearest.ts';
import { nextAfter } from '../../schedules/occurrences.ts';
import {
  decideSchedule,
  listSchedules,
  pauseSchedules,
  type ScheduleFacts,
  seeSchedules,
} from '../../schedules/stored.ts';
import type { CliContext } from '../context.ts';
import { EXIT, Exit } from '../exit.ts';
import { operator } from '../operator.ts';
import { type Column, json, table, widthOf } from '../terminal/output.ts';

interface Shown {
  readonly name: string;
  readonly queue: string;
  readonly cron: string;
  readonly zone: string;
  readonly missed: Schedule['missed'];
  readonly last: string | null;
  readonly sent_at: string | null;
  readonly next: string | null;
  readonly sent: number;
  readonly passed_over: number;
  readonly paused_at: string | null;
  readonly paused_by: string | null;
}

const COLUMNS: readonly Column<Shown>[] = [
  { title: 'schedule', value: ({ name }) => name },
  { title: 'queue', value: ({ queue }) => queue },
  { title: 'cron', value: ({ cron }) => cron },
  { title: 'zone', value: ({ zone }) => zone },
  { title: 'last', value: ({ last }) => last },
  { title: 'next', value: ({ next, paused_at }) => (paused_at === null ? next : 'paused') },
  { title: 'sent', value: ({ sent }) => sent },
  { title: 'passed over', value: ({ passed_over }) => passed_over },
];

export function register(program: Command, context: CliContext): void {
  const schedule = program
    .command('schedule')
    .description('shows when schedules were and will be due, runs one now, pauses them');
  schedule
    .command('list', { isDefault: true })
    .description('lists the schedules of the file with their last and next times')
    .option('--json', 'one JSON document')
    .action((options: { json?: true }) => list(context, options));
  schedule
    .command('run')
    .description('puts an event of a schedule into its queue now; its times stay as they are')
    .argument('<name>', 'of the schedule')
    .action((name: string) => runNow(context, name));
  for (const [verb, description] of [
    ['pause', 'keeps schedules from being due, until `schedule resume`'],
    ['resume', 'lets schedules go on from now; what was due meanwhile is not made up for'],
  ] as const)
    schedule
      .command(verb)
      .description(description)
      .argument('<names...>', 'of schedules')
      .action((names: string[]) => pauseOrResume(context, names, verb === 'pause'));
}

async function list(context: CliContext, options: { readonly json?: true }): Promise<void> {
  const { stdout } = context;
  const schedules = await withCentral(context, async (central, config) => {
    const names = config.schedules.map(({ name }) => name);
    const stored = new Map((await listSchedules(central, names)).map((one) => [one.name, one]));
    const [clock] = await central.query<{ ms: number }>(
      'select extract(epoch from clock_timestamp())::float8 * 1000 as ms',
    );
    return config.schedules.map((one) => shownOf(one, stored.get(one.name), clock?.ms ?? 0));
  });
  if (options.json) stdout.write(json({ schedules }));
  else if (schedules.length === 0) stdout.write('The file has no schedules.\n');
  else stdout.write(table(COLUMNS, schedules, { width: widthOf(stdout) }));
}

function shownOf(schedule: Schedule, stored: ScheduleFacts | undefined, nowMs: number): Shown {
  const { name, queue, cron, zone, missed } = schedule;
  return {
    ...{ name, queue, cron, zone, missed },
    last: iso(stored?.lastDueMs),
    sent_at: iso(stored?.lastSentMs),
    next: iso(nextAfter(schedule, Math.max(nowMs, stored?.decidedMs ?? 0))),
    sent: stored?.sent ?? 0,
    passed_over: stored?.passedOver ?? 0,
    paused_at: iso(stored?.pausedMs),
    paused_by: stored?.pausedBy ?? null,
  };
}

const iso = (ms: number | null | undefined): string | null =>
  ms === null || ms === undefined ? null : new Date(ms).toISOString();

async function runNow(context: CliContext, name: string): Promise<void> {
  await withCentral(context, async (central, config) => {
    const schedule = scheduleNamed(config, name);
    const [stored] = await seeSchedules(central, [schedule]);
    const dueMs = Math.floor(stored?.nowMs ?? 0);
    const xid = await noted(central, operator(), async (connection) => ({
      result: await decideSchedule(connection, config, schedule, {
        due: [dueMs],
        passedOver: 0,
        untilMs: dueMs,
      }),
      note: { kind: 'schedule-run', queues: [schedule.queue], what: `ran schedule ${name}.` },
    }));
    if (xid !== undefined) await central.query('select tributary.tick($1, $2)', [schedule.queue, xid]);
    context.stdout.write(
      `Schedule ${name} has put an event into queue ${schedule.queue}, due ${new Date(dueMs).toISOString()}.\n`,
    );
  });
}

async function pauseOrResume(
  context: CliContext,
  names: readonly string[],
  isPaused: boolean,
): Promise<void> {
  await withCentral(context, async (central, config) => {
    const meant = names.map((name) => scheduleNamed(config, name));
    await seeSchedules(central, meant);
    const queues = [...new Set(meant.map(({ queue }) => queue))];
    const verb = isPaused ? 'paused' : 'resumed';
    const changed = await noted(central, operator(), async (connection) => {
      const result = await pauseSchedules(connection, names, { isPaused, who: operator().who });
      const what = `${verb} ${result.length === 1 ? 'schedule' : 'schedules'} ${result.join(', ')}.`;
      const kind = isPaused ? 'schedule-pause' : 'schedule-resume';
      return { result, note: result.length === 0 ? undefined : { kind, queues, what } };
    });
    const before = names.filter((name) => !changed.includes(name));
    const sentences = [
      ...(changed.length === 0 ? [] : [`${isPaused ? 'Paused' : 'Resumed'} ${changed.join(', ')}.`]),
      ...(before.length === 0 ? [] : [`${before.join(', ')}: ${isPaused ? 'paused before' : 'not paused'}.`]),
    ];
    context.stdout.write(`${sentences.join(' ')}\n`);
  });
}

function scheduleNamed({ file, schedules }: Config, name: string): Schedule {
  const found = schedules.find((one) => one.name === name);
  if (found !== undefined) return found;
  const names = schedules.map((one) => one.name);
  const meant = nearest(name, names);
  const there = names.length === 0 ? 'it has none.' : `there are ${names.join(', ')}.`;
  throw new Exit(
    EXIT.wrong,
    `There is no schedule ${name} in ${file}: ${meant === undefined ? there : `did you mean ${meant}?`}`,
  );
}

async function withCentral<T>(
  context: Pick<CliContext, 'loadConfig'>,
  work: (central: CentralLink, config: Config) => Promise<T>,
): Promise<T> {
  const config = await context.loadConfig();
  const central = new CentralLink(config, 'schedule');
  try {
    return await work(central, config);
  } finally {
    await central.close();
  }
}
