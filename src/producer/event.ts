// An event as the caller gives it, as the six texts that PgQ stores: what has no column of its own goes where the options say.
import { BadUnit, parseDuration } from '../config/units.ts';
import type { EventTexts } from '../queue/insert.ts';
import { isEventObject, jsonText } from '../queue/json-text.ts';
import type { ExtraColumn, ProducedEvent, ProducerColumns, ProducerOptions } from './contract.ts';
import { mistakeInEvent } from './mistakes.ts';

const EXTRAS = ['extra1', 'extra2', 'extra3', 'extra4'] as const;
const PURPOSES = ['key', 'at', 'unique', 'traceparent'] as const;
const FIELDS = ['type', 'data', 'key', 'at', 'after', 'unique', 'traceparent', ...EXTRAS];
const DEFAULTS: ProducerColumns = { key: 'extra1', at: 'extra2', unique: 'extra3' };
/** Version, trace, span, flags. */
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

type Purpose = (typeof PURPOSES)[number];

export interface EventRules {
  readonly columns: ProducerColumns;
  readonly traceparent: (() => string | null | undefined) | undefined;
}

/** @throws where the options contradict themselves. */
export function rulesOf({ columns = {}, traceparent }: ProducerOptions): EventRules {
  for (const [purpose, column] of Object.entries(columns)) {
    if (!PURPOSES.some((one) => one === purpose))
      throw mistakeInEvent(`\`columns\` knows no \`${purpose}\`.`, `There are ${PURPOSES.join(', ')}.`);
    if (column !== undefined && !EXTRAS.includes(column))
      throw mistakeInEvent(`\`columns.${purpose}\` is no column.`, `There are ${EXTRAS.join(', ')}.`);
  }
  const given = Object.values(columns);
  // A column that was given to something is taken from what has it by default.
  const rest = Object.entries(DEFAULTS).filter(([, column]) => !given.includes(column));
  const all: ProducerColumns = { ...Object.fromEntries(rest), ...columns };
  const twice = given.find((column, at) => column !== undefined && given.indexOf(column) !== at);
  if (twice !== undefined)
    throw mistakeInEvent(`\`columns\` gives ${twice} to two things.`, 'Give each a column of its own.');
  if (traceparent !== undefined && all.traceparent === undefined) {
    throw mistakeInEvent(
      'The option `traceparent` has no column to write into.',
      'Say which: `columns: { traceparent: … }`.',
    );
  }
  return { columns: all, traceparent };
}

/** @throws where it cannot be the name of a queue. */
export function queueNamed(queue: unknown): string {
  if (typeof queue !== 'string' || queue === '') throw mistakeInEvent('The name of the queue is missing.');
  if (/\p{Cc}|\p{Surrogate}/u.test(queue))
    throw mistakeInEvent('The name of the queue holds a character that no name has.');
  return queue;
}

/** @throws where the event cannot be inserted as it is. */
export function textsOf(event: ProducedEvent, rules: EventRules): EventTexts {
  if (!isEventObject(event)) throw mistakeInEvent('An event is an object such as `{ type, data }`.');
  const strange = Object.keys(event).find((name) => !FIELDS.includes(name));
  if (strange !== undefined) {
    throw mistakeInEvent(
      `\`${strange}\` is no field of an event.`,
      `There are ${FIELDS.join(', ')}; whatever else belongs into \`data\`.`,
    );
  }
  const extras: Partial<Record<ExtraColumn, string | null>> = {};
  for (const name of EXTRAS) extras[name] = plainText(name, event[name]);
  for (const purpose of PURPOSES) {
    const text = textFor(purpose, event, rules);
    if (text === null) continue;
    const column = rules.columns[purpose];
    if (column === undefined)
      throw mistakeInEvent(`\`${purpose}\` has no column.`, `Say which: \`columns: { ${purpose}: … }\`.`);
    if (extras[column] !== null)
      throw mistakeInEvent(`\`${column}\` of an event is set, and \`${purpose}\` goes there as well.`);
    extras[column] = text;
  }
  const { extra1 = null, extra2 = null, extra3 = null, extra4 = null } = extras;
  return [plainText('type', event.type), dataOf(event.data), extra1, extra2, extra3, extra4];
}

function textFor(purpose: Purpose, event: ProducedEvent, { traceparent }: EventRules): string | null {
  if (purpose === 'at') return dueOf(event);
  if (purpose !== 'traceparent') return wordOf(purpose, event[purpose]);
  const { traceparent: own } = event;
  if (own != null) {
    if (typeof own === 'string' && TRACEPARENT.test(own)) return own;
    throw mistakeInEvent('`traceparent` of an event is not as the W3C has it: `00-<trace>-<span>-<flags>`.');
  }
  // A tracer that gives something else fails no transaction.
  const current = traceparent?.();
  return typeof current === 'string' && TRACEPARENT.test(current) ? current : null;
}

function dueOf({ at, after }: ProducedEvent): string | null {
  if (at != null && after != null) throw mistakeInEvent('An event has `at` or `after`, not both.');
  if (at != null) {
    if (!(at instanceof Date) || Number.isNaN(at.getTime()))
      throw mistakeInEvent('`at` of an event is a valid Date.');
    return timeOf(at, 'at');
  }
  if (after == null) return null;
  try {
    return timeOf(new Date(Date.now() + parseDuration(after)), 'after');
  } catch (error) {
    if (error instanceof BadUnit) throw mistakeInEvent(`\`after\` of an event ${error.message}.`);
    throw error;
  }
}

/** As PostgreSQL reads it, which writes years beyond these in another way. */
function timeOf(date: Date, what: 'at' | 'after'): string {
  const year = date.getUTCFullYear();
  if (year >= 1 && year <= 9_999) return date.toISOString();
  throw mistakeInEvent(`\`${what}\` of an event leads out of the years 1 to 9999.`);
}

function wordOf(name: string, value: unknown): string | null {
  return plainText(name, typeof value === 'number' || typeof value === 'bigint' ? String(value) : value);
}

function dataOf(data: unknown): string | null {
  if (data === undefined || data === null || typeof data === 'string') return plainText('data', data);
  const json = jsonText(data);
  if ('fault' in json) throw mistakeInEvent(`\`data\` of an event ${json.fault}.`);
  return json.text;
}

function plainText(name: string, value: unknown): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value !== 'string') throw mistakeInEvent(`\`${name}\` of an event must be text.`);
  if (value.includes('\0'))
    throw mistakeInEvent(`\`${name}\` of an event holds the character 0.`, 'PostgreSQL cannot keep it.');
  // Half of a surrogate pair is no character; drivers would write the same in its place.
  return value.replace(/\p{Surrogate}/gu, '\ufffd');
}
