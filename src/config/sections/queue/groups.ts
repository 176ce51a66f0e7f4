// `groups:` of a queue → what handles its events, each group with a position of its own.
import type { Group, GroupStart, Handling } from '../../config.ts';
import type { Section } from '../../section.ts';
import type { Value } from '../../value.ts';
import { workName } from '../../worked.ts';
import { compact } from '../database.ts';
import { HANDLING_KEYS, positive, readHowHandled, readWorkers } from '../handling.ts';

const EXAMPLE = '`billing: { workers: 2, handler: ./handlers/billing.js }`';
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$/;
const START = '`now`, `oldest`, or a time with its zone such as `2026-03-01T08:00:00Z`';
const TIME = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:\d\d)$/;

export interface GroupsOfQueue {
  readonly entry: Value;
  readonly queue: string;
  /** Of all central queues. */
  readonly names: ReadonlySet<string>;
  /** What the queue says. */
  readonly defaults: Handling & Pick<Group, 'deadMs'>;
}

/** Undefined: the queue has one group, without a name. */
export function readGroups(
  section: Section,
  { entry, queue, names, defaults }: GroupsOfQueue,
): readonly Group[] | undefined {
  const value = section.get('groups');
  const entries = value?.entries(`a map from the name of each group to its settings, such as ${EXAMPLE}`);
  if (value === undefined || entries === undefined) return undefined;
  if (entries.length === 0)
    value.problem(`${value.name} names no group: add one, such as ${EXAMPLE}, or take \`groups\` out.`);
  section
    .get('adopt')
    ?.problem(`${entry.name} has groups: say \`adopt\` of the one that takes the consumer's place.`);
  return entries.flatMap(([name, own]) => {
    if (!NAME.test(name))
      own.problem(
        `A group's name is of letters, digits, \`_\` and \`-\`, at most 40, not \`${name.slice(0, 60)}\`.`,
      );
    else if (names.has(workName(queue, name)))
      own.problem(
        `There is a queue \`${workName(queue, name)}\`, and the group ${name} of ${queue} would have the same name: call it otherwise.`,
      );
    const settings = own.section(
      [...HANDLING_KEYS, 'start', 'adopt'],
      `a map of settings, such as ${EXAMPLE}`,
    );
    return settings === undefined ? [] : [readGroup(name, { own, settings, queue: section, defaults })];
  });
}

function readGroup(
  name: string,
  {
    own,
    settings,
    queue,
    defaults,
  }: {
    readonly own: Value;
    readonly settings: Section;
    readonly queue: Section;
    readonly defaults: GroupsOfQueue['defaults'];
  },
): Group {
  const handling = readHowHandled(settings, own, defaults);
  const workers = readWorkers(settings, { handler: handling.handler, entry: own, general: queue });
  if (workers === 'none')
    own.problem(
      `${own.name} is a group without workers: say \`workers: 0\` to park it, or take it out and run \`tributary group remove\`.`,
    );
  return compact({
    ...handling,
    name,
    workers: workers === 'none' ? 0 : workers,
    start: readGroupStart(settings.get('start')),
    adopt: settings.get('adopt')?.text('the name of a consumer'),
    deadMs: positive(settings.get('dead')) ?? defaults.deadMs,
  });
}

function readGroupStart(value: Value | undefined): GroupStart | undefined {
  const text = value?.scalar(START);
  if (value === undefined || text === undefined) return undefined;
  if (text.text === 'now' || text.text === 'oldest') return { at: text.text };
  const time = new Date(TIME.test(text.text) ? text.text.replace(' ', 'T') : '');
  if (Number.isNaN(time.getTime()))
    return value.problem(`${value.name} must be ${START}, not ${text.shown}.`);
  return { at: 'time', time: time.toISOString() };
}
