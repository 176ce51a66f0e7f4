// `schedules:` → what puts an event into a central queue at times of day.
import { Cron } from 'croner';
import type { Queue, Schedule } from '../config.ts';
import { nearest } from '../nearest.ts';
import type { Value } from '../value.ts';
import { compact } from './database.ts';

const SCHEDULE_KEYS = ['cron', 'zone', 'queue', 'type', 'data', 'missed'];
const EXAMPLE = "`nightly: { cron: '0 3 * * *', zone: Europe/Helsinki, queue: reports }`";
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/;

/** @param queues of the file: a schedule's queue must be one of them. */
export function readSchedules(value: Value | undefined, queues: readonly Queue[]): Schedule[] {
  const entries = value?.entries(`a map from each schedule to its settings, such as ${EXAMPLE}`) ?? [];
  return entries.flatMap(([name, entry]) => {
    const section = entry.section(SCHEDULE_KEYS, `a map of settings, such as ${EXAMPLE}`);
    if (section === undefined) return [];
    if (!NAME.test(name))
      entry.problem(`${entry.name} is no name for a schedule: use letters, digits, \`_\`, \`-\` and \`.\`.`);
    const cronValue = section.require('cron', "when it is due, such as `cron: '0 3 * * *'`");
    const cron = cronValue?.text('minute, hour, day, month and weekday, such as `0 3 * * *`');
    const zoneValue = section.get('zone');
    const zone = zoneValue?.text('a time zone such as `Europe/Helsinki`') ?? 'UTC';
    const hasZone = zoneValue === undefined || isZone(zone);
    if (!hasZone)
      zoneValue?.problem(
        `${zoneValue.name} names a time zone that there is not: write one such as \`Europe/Helsinki\` or \`UTC\`.`,
      );
    if (cron !== undefined && hasZone) {
      const why = whyNoCron(cron, zone);
      if (why !== undefined) cronValue?.problem(`${cronValue.name} ${why}.`);
    }
    const queue = readQueueName(
      section.require('queue', 'the central queue that its events go into'),
      queues,
    );
    return [
      compact({
        name,
        cron: cron ?? '',
        zone,
        queue: queue ?? '',
        type: section.get('type')?.text('a text') ?? name,
        data: section.get('data')?.jsonText(),
        missed: section.get('missed')?.oneOf(['once', 'skip', 'all']) ?? ('once' as const),
      }),
    ];
  });
}

function readQueueName(value: Value | undefined, queues: readonly Queue[]): string | undefined {
  const name = value?.text('the name of a central queue');
  const names = queues.map((queue) => queue.name);
  if (value === undefined || name === undefined || names.includes(name)) return name;
  const meant = nearest(name, names);
  const help = meant === undefined ? `there are ${names.join(', ')}.` : `did you mean \`${meant}\`?`;
  return value.problem(`${value.name} names no central queue of the file: ${help}`);
}

function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

/** What is wrong with it, as the end of a sentence; undefined: nothing. */
function whyNoCron(cron: string, zone: string): string | undefined {
  const remedy = 'write minute, hour, day, month and weekday, such as `0 3 * * *`';
  try {
    const next = new Cron(cron, { timezone: zone, paused: true }).nextRun();
    return next === null ? 'is never due: no day is like that' : undefined;
  } catch (error) {
    const why =
      error instanceof Error ? error.message.replace(/^\w+: /, '').replace(/\.$/, '') : String(error);
    return `is not understood (${why}): ${remedy}`;
  }
}
