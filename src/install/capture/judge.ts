// How the tables of a shard stand to the captures of the file. Pure.
import type { Capture } from '../../config/capture.ts';
import type { Config, Shard } from '../../config/config.ts';
import { differences, parseNote, partDifferences } from './note.ts';
import { type CaptureFacts, patternsOf, type TableFact, type TriggerFact } from './tables.ts';
import {
  asStoredArguments,
  captureOf,
  nameOfTable,
  type WantedTriggers,
  wantedTriggers,
} from './triggers.ts';

/**
 * - `captured`: all is as the file says;
 * - `missing`: a trigger is not there, or not all of them;
 * - `disabled`: a trigger does not fire;
 * - `changed`: the triggers are others than the file says, or the table is another one than it was when they were made;
 * - `refused`: it cannot be captured;
 * - `left-over`: it has triggers of a capture that the file does not have, or not for this table.
 */
export type CaptureState = 'captured' | 'missing' | 'disabled' | 'changed' | 'refused' | 'left-over';

/** A table of a shard under one capture. */
export interface CapturedTable {
  readonly capture: string;
  readonly table: string;
  readonly state: CaptureState;
  /** In words: what is different, missing or wrong. */
  readonly why: readonly string[];
  /** What makes its events; undefined: nothing does. */
  readonly by: string | undefined;
  readonly fact: TableFact | undefined;
  /** Absent where it is refused or left over. */
  readonly wanted?: WantedTriggers & { readonly capture: Capture };
  /** The triggers of ours that it has for this capture. */
  readonly triggers: readonly TriggerFact[];
}

/** All tables that the file captures or that have triggers of ours, by capture and name. */
export function judgeTables(
  config: Pick<Config, 'name' | 'captures'>,
  { schema }: Pick<Shard, 'schema'>,
  facts: CaptureFacts,
): CapturedTable[] {
  const { captures = [] } = config;
  const found = captures.flatMap((capture) =>
    tablesOf(capture, config, facts).map((fact) => ({ capture, fact })),
  );
  const wanted = found.map(({ capture, fact }): CapturedTable => {
    const own = {
      ...{ capture: capture.name, table: nameOfTable(fact), fact },
      triggers: triggersOf(fact, capture.name, config),
    };
    const twice = found.find(
      (other) => other.fact === fact && other.capture !== capture && other.capture.queue === capture.queue,
    );
    const refusals = [
      ...whyRefused(capture, fact, facts),
      ...(twice === undefined
        ? []
        : [
            `capture ${twice.capture.name} has it for the same queue, and each change would come twice: take it out of one`,
          ]),
    ];
    const by = own.triggers[0]?.function;
    if (refusals.length > 0) return { ...own, state: 'refused', why: refusals, by };
    const format = capture.format ?? (facts.functions.json ? 'json' : 'url');
    const triggers = wantedTriggers({ installation: config.name, schema, capture, format }, fact);
    return {
      ...own,
      by,
      wanted: { ...triggers, capture },
      ...standing(own.triggers, triggers, { fact, schema }),
    };
  });
  return [...wanted, ...absent(captures, config, facts), ...leftOver(config, facts, wanted)];
}

/** Tables whose capture covers them through the table that they are a partition of have no triggers of their own. */
function tablesOf(capture: Capture, config: Pick<Config, 'captures'>, { tables }: CaptureFacts): TableFact[] {
  const patterns = patternsOf(config);
  const matched = tables.filter(({ patterns: numbers, kind }) => {
    const own = numbers.flatMap((n) =>
      patterns[n]?.capture === capture ? (patterns[n]?.pattern ?? []) : [],
    );
    if (own.length === 0 || own.some(({ isExcluded }) => isExcluded)) return false;
    // A pattern means tables; what is named is looked at, whatever it is.
    return kind === 'r' || kind === 'p' || own.some(({ isPattern }) => !isPattern);
  });
  const ids = new Set(matched.map(({ id }) => id));
  return matched.filter(({ ancestors }) => !ancestors.some((one) => ids.has(one)));
}

const triggersOf = (
  { triggers }: TableFact,
  capture: string,
  { name }: Pick<Config, 'name'>,
): TriggerFact[] => triggers.filter((one) => captureOf(one.name, name) === capture);

const KINDS: Readonly<Record<string, string>> = {
  v: 'a view',
  m: 'a materialized view',
  f: 'a foreign table',
};

/** Why its changes cannot be captured, each as the end of a sentence. */
function whyRefused(capture: Capture, fact: TableFact, { functions }: CaptureFacts): string[] {
  const kind = KINDS[fact.kind];
  if (kind !== undefined) return [`it is ${kind}: name tables`];
  const { columns = [], format, key = fact.key } = capture;
  const names = fact.columns.map(([, name]) => name);
  const unknown = [...new Set([...columns, ...(capture.key ?? [])])].filter((name) => !names.includes(name));
  const comma = names.find((name) => name.includes(',') && capture.columns?.includes(name) === false);
  const outside = key.filter(
    (name) => capture.columns?.includes(name) === false || capture.ignore?.includes(name),
  );
  const function_ = format === 'url' ? 'logutriga' : 'jsontriga';
  return [
    ...(unknown.length === 0
      ? []
      : [`it has no column ${unknown.join(', ')}: correct \`columns\` or \`key\``]),
    ...(key.length > 0
      ? []
      : [
          fact.uniqueColumns.length === 0
            ? 'it has no primary key: give it one, or name the columns that tell its rows apart with `key`'
            : `it has no primary key: give it one, or say \`key: [${fact.uniqueColumns.join(', ')}]\`, which are unique`,
        ]),
    ...(outside.length === 0
      ? []
      : [`its key (${key.join(', ')}) has to be in its events: do not leave ${outside.join(', ')} out`]),
    ...(comma === undefined
      ? []
      : [`its column ${comma} has a comma in its name, and PgQ's triggers cannot leave it out: rename it`]),
    ...(functions.json || functions.url
      ? format === undefined || functions[format]
        ? []
        : [`the PgQ there has no trigger ${function_}: take \`format\` out`]
      : ['the PgQ there has neither trigger, jsontriga nor logutriga']),
  ];
}

function standing(
  own: readonly TriggerFact[],
  { triggers, made, key }: WantedTriggers,
  { fact, schema }: { readonly fact: TableFact; readonly schema: string },
): Pick<CapturedTable, 'state' | 'why'> {
  const there = new Map(own.map((one) => [one.name, one]));
  if (triggers.every(({ name }) => !there.has(name))) return { state: 'missing', why: ['it has no trigger'] };
  const lacking = triggers.filter(({ name }) => !there.has(name));
  if (lacking.length > 0)
    return { state: 'missing', why: lacking.map(({ name }) => `trigger ${name} is missing`) };
  const disabled = own.flatMap(whyDisabled);
  if (disabled.length > 0) return { state: 'disabled', why: disabled };
  const notes = own.map(({ note }) => parseNote(note));
  const [note] = notes;
  const isAsMade =
    triggers.every((one) => {
      const is = there.get(one.name);
      return (
        is?.function === one.function &&
        is.schema === schema &&
        is.arguments === asStoredArguments(one.arguments)
      );
    }) && own.length === triggers.length;
  const changes =
    note === undefined
      ? []
      : [...differences(note, { columns: fact.columns, key }), ...partDifferences(note.parts, fact)];
  if (isAsMade && changes.length === 0 && notes.every((one) => one?.made === made))
    return { state: 'captured', why: [] };
  return {
    state: 'changed',
    why: changes.length > 0 ? changes : ['its triggers are others than the file says'],
  };
}

function whyDisabled({ name, enabled, disabledOn }: TriggerFact): string[] {
  if (enabled === 'D') return [`trigger ${name} is disabled`];
  if (enabled === 'R') return [`trigger ${name} fires for replicated changes only`];
  return disabledOn === null ? [] : [`trigger ${name} is disabled on ${disabledOn.join(', ')}`];
}

/** Tables that are named, not by a pattern, and are not there. */
function absent(
  captures: readonly Capture[],
  config: Pick<Config, 'captures'>,
  { tables }: CaptureFacts,
): CapturedTable[] {
  const matched = new Set(tables.flatMap(({ patterns }) => patterns));
  return patternsOf(config).flatMap(({ capture, pattern }, n) =>
    pattern.isPattern || pattern.isExcluded || matched.has(n) || !captures.includes(capture)
      ? []
      : [
          {
            ...{
              capture: capture.name,
              table: pattern.text,
              state: 'refused' as const,
              why: ['there is no such table'],
            },
            ...{ by: undefined, fact: undefined, triggers: [] },
          },
        ],
  );
}

function leftOver(
  config: Pick<Config, 'name' | 'captures'>,
  { tables }: CaptureFacts,
  wanted: readonly CapturedTable[],
): CapturedTable[] {
  return tables.flatMap((fact) => {
    const captures = new Set(fact.triggers.map(({ name }) => captureOf(name, config.name)));
    return [...captures].flatMap((capture): CapturedTable[] => {
      if (wanted.some((one) => one.fact === fact && one.capture === capture)) return [];
      const triggers = triggersOf(fact, capture, config);
      const isKnown = config.captures?.some(({ name }) => name === capture) === true;
      const why = isKnown ? 'the file does not capture it any more' : `the file has no capture ${capture}`;
      return [
        {
          capture,
          table: nameOfTable(fact),
          state: 'left-over',
          why: [why],
          by: triggers[0]?.function,
          fact,
          triggers,
        },
      ];
    });
  });
}
